/// Muon: momentum whose every matrix is made orthogonal (Jordan et al. 2024,
/// https://kellerjordan.github.io/posts/muon), at the scale that Liu et al. 2025 give it
/// (https://arxiv.org/abs/2502.16982, section 2.2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/io/config_fields.h"
#include "models/optim/adam_moments.h"
#include "models/optim/optimizer.h"

namespace langzoo {

/// Names and defaults of the first three are torch.optim.Muon's.
struct MuonOptions {
  double momentum = 0.95;
  bool nesterov = true;
  std::int64_t ns_steps = 5;  ///< Newton-Schulz iterations
  bool ns_bfloat16 = false;   ///< computed in bfloat16: up to twice as fast where the processor has its products
  /// What AdamW trains beside parameters of other than two dimensions, by the shell's patterns of names: embeddings,
  /// first states and output layers as the families call them, whose rows stand each for itself, and with them the
  /// projections within (RoBERTa's lm_head.dense, ELECTRA's embeddings_project).
  std::vector<std::string> adamw = {
      "*embed*",    "*wte.*",       "*wpe.*",   "*shared.*",       "*positions*",    "*relative_attention_bias*",
      "*initial_*", "*lm_head*",    "output.*", "cls.*",           "*predictions.*", "*classifier*",
      "*score.*",   "*qa_outputs*", "*vocab_*", "*.output.weight", "*crf.*",         "*_head.*"};

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// The nearest thing to U V^T of G = U S V^T that the quintic Newton-Schulz iteration reaches: after five steps
/// singular values are between 0.6 and 1.25, but for those of G that are less than some thousandth of its norm. Shapes:
/// (M,N) -> (M,N), float64, float32 or bfloat16.
torch::Tensor orthogonalized(const torch::Tensor& G, std::int64_t steps);

/// For a matrix X (M,N) with gradient G,
///
///     m := momentum m + (1 - momentum) G,   U = orthogonalized(G + momentum (m - G)), or of m without nesterov,
///     X := X (1 - learning_rate weight_decay) - learning_rate 0.2 sqrt(max(M,N)) U,
///
/// so that a step is as large as AdamW's usually is, and one learning rate and one decay do for both. Several layers in
/// one matrix (GPT-2's c_attn, the gates of an LSTM) are one matrix. Skipped parameters, step counts and `parameters`
/// as AdamW; a `found_inf` is waited for.
class Muon : public Optimizer {
 public:
  Muon(FlatParameters& parameters, AdamOptions adamw, MuonOptions options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// `momentum.<name>` of matrices; of the rest `exp_avg.<name>`, `exp_avg_sq.<name>` and `step.<name>` (float32
  /// scalars).
  NamedTensors state_dict() const override;

 private:
  struct State {
    torch::Tensor momentum;            // of a matrix that it trains, in float32 or float64
    torch::Tensor mean, square, step;  // of AdamW's
  };

  void step_matrix(const FlatParameters::Slot& slot, torch::Tensor& momentum, double rate, double decay,
                   const torch::Tensor& divisor) const;

  FlatParameters& parameters_;
  AdamOptions adamw_;
  MuonOptions options_;
  std::vector<std::vector<State>> states_;  // by group and slot
};

}  // namespace langzoo
