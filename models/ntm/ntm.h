/// The Neural Turing Machine: a recurrent or feed-forward controller beside a memory that it reads and writes through
/// heads, whose places are soft and so learnt by gradients. Its ancestor is the LSTM, whose memory is its state.
///
/// Paper: Graves, Wayne and Danihelka 2014, https://arxiv.org/abs/1410.5401. In each step, with x the input,
///
///     h = LSTM([x; r]), or tanh(W [x; r] + b)      r what the heads have read in the step before
///     head: key k, strength beta = softplus, gate g = sigmoid, shift s = softmax, sharpening gamma = 1 + softplus
///     w_c = softmax(beta cos(k, M_i))              by content                    (equations 5 and 6)
///     w_g = g w_c + (1 - g) w                      the step before's w           (7)
///     w~(i) = sum_j w_g(j) s(i - j)                in a circle                   (8)
///     w = w~^gamma / sum w~^gamma                                                (9)
///     r = sum_i w_i M_i                            a reading head                (2)
///     M_i := M_i (1 - w_i e) + w_i a               a writing head, e = sigmoid   (3 and 4)
///     y = sigmoid(W_y [h; r] + b_y)
///
/// What the paper leaves open: heads look at the memory as the step before left it, erase together and then add
/// together; k and a are unbounded; y sees what is read in its own step. Memory, weights, reads and the controller's
/// state are learnt as they stand before the first step. With the paper's sizes for the copy task (8 bits, 100 units,
/// one head of each kind, 128 rows of 20) that makes 65,296 parameters, with a feed-forward controller 16,096; the
/// paper, which does not give its wiring, has 67,561 and 17,162.
///
///     langzoo-ntm train --task copy --preset copy --out run
///
/// Letters: T steps, B rows of the batch, I inputs, O outputs, C controller width, N rows of memory, M their width,
/// H heads, of which R read and come first, S shifts.
#pragma once

#include <cstdint>
#include <string>

#include "models/bit_sequence_model.h"
#include "models/layers/external_memory.h"
#include "models/layers/linear.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "ntm".
struct NtmConfig {
  std::int64_t input_size = 9;
  std::int64_t output_size = 8;
  std::string controller = "lstm";  ///< or feedforward
  std::int64_t controller_size = 100;
  std::int64_t read_heads = 1, write_heads = 1;
  std::int64_t memory_rows = 128, memory_width = 20;
  std::int64_t shift_range = 1;  ///< shifts from -range to range

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;

  bool has_lstm() const { return controller == "lstm"; }
  MemorySizes memory() const { return {memory_rows, memory_width, read_heads, write_heads, 2 * shift_range + 1}; }
};

/// What a head is told, in its ranges, of all heads that read or all that write.
struct HeadInterface {
  torch::Tensor key;                         ///< (B,H,M)
  torch::Tensor strength, gate, sharpening;  ///< (B,H,1)
  torch::Tensor shift;                       ///< (B,H,S), the middle one stays
};

/// The four stages of a head's weights, each (B,H,N) and a distribution where `before` is one.
struct NtmAddressing {
  torch::Tensor content, gated, shifted, sharpened;
};

/// Equations 5 to 9. Shapes: memory (B,N,M), before (B,H,N).
NtmAddressing ntm_address(const torch::Tensor& memory, const torch::Tensor& before, const HeadInterface& heads);

/// What went on in the memory as one sequence was read.
struct NtmTrace {
  torch::Tensor logits;   ///< (T,O)
  torch::Tensor weights;  ///< (T,H,N)
  torch::Tensor reads;    ///< (T,R,M)
  torch::Tensor adds;     ///< (T,W,M)
  torch::Tensor memory;   ///< (N,M) behind the last step
};

class NtmImpl : public TaskModule<NtmImpl, NtmConfig, BitSequenceModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit NtmImpl(const NtmConfig& config);

  std::int64_t input_size() const override { return config_.input_size; }
  std::int64_t output_size() const override { return config_.output_size; }
  /// On the CPU in float32 one node of the graph, which is computed by loops of our own (layers/external_memory.h).
  torch::Tensor logits(const torch::Tensor& inputs) override;
  /// The same as the equations stand, a tensor operation each: on any device, in any dtype. Fills `trace` where it is
  /// given, which takes a batch of one.
  torch::Tensor stepwise_logits(const torch::Tensor& inputs, NtmTrace* trace = nullptr);

  Linear controller{nullptr};    ///< ([4] C, I + R M [+ C]) of [x; r; h], the gates as torch.nn.LSTM's: i f g o
  Linear interface { nullptr };  ///< what the heads are told, in the order of MemorySizes
  Linear output{nullptr};        ///< (O, C + R M)
  torch::Tensor initial_memory, initial_weights, initial_reads;  ///< (N,M); (H,N), before a softmax; (R M)
  torch::Tensor initial_hidden, initial_cell;                    ///< (C) of an LSTM
};
TORCH_MODULE(Ntm);

}  // namespace langzoo
