#include "models/ntm/ntm.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "models/layers/parallel_for.h"
#include "models/layers/recurrent_cells.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

float* floats(const Tensor& x, std::int64_t step) {
  return x.data_ptr<float>() + step * x.stride(0);
}

/// Rows that one thread takes at least.
std::int64_t grain(const MemorySizes& sizes) {
  return 1 + (1 << 14) / (sizes.cells() * sizes.heads());
}

/// All steps of controller and memory, forward and backward. Given gates = W x + b (T,B,G), the columns of W for [r; h]
/// (G, R M [+ C]), the interface's weight (P,C) and bias (P), memory (M,N), weights (H,N), reads (R M), and of an LSTM
/// hidden and cell (C). Returns h (T,B,C) and r (T,B,R M). Buffers of T + 1 begin with what stands before the first
/// step; where nothing is to be kept for a backward pass, the large ones have two steps in turns.
struct NtmSequence : torch::autograd::Function<NtmSequence> {
  static variable_list forward(AutogradContext* ctx, const MemorySizes& sizes, bool keep, const Tensor& given_gates,
                               const Tensor& recurrent_weight, const Tensor& interface_weight,
                               const Tensor& interface_bias, const Tensor& first_memory, const Tensor& first_weights,
                               const Tensor& first_reads, const std::optional<Tensor>& first_hidden,
                               const std::optional<Tensor>& first_cell) {
    const auto x = given_gates.contiguous();
    const auto T = x.size(0), B = x.size(1), G = x.size(2), C = interface_weight.size(1),
               RM = sizes.read_heads * sizes.width;
    const bool lstm = first_hidden.has_value();
    const auto options = x.options();
    const auto place = [keep](std::int64_t t) { return keep ? t : t % 2; };
    const auto repeated = [&](const Tensor& first, std::int64_t steps) {
      auto buffer = at::empty({steps, B, first.numel()}, options);
      buffer.select(0, 0).copy_(first.reshape({1, -1}).expand({B, -1}));
      return buffer;
    };
    const auto places = keep ? T + 1 : 2;
    const auto memory = repeated(first_memory, places), weights = repeated(first_weights, places);
    const auto cell = lstm ? repeated(*first_cell, places) : Tensor();
    // [r; h] side by side, as the controller reads them; a feed-forward one reads the columns of r alone.
    const auto states = repeated(at::cat({first_reads, lstm ? *first_hidden : at::zeros({C}, options)}), T + 1);
    const auto told = at::empty({places, B, sizes.interface_size()}, options);
    const auto saved = at::empty({places, B, sizes.saved_size()}, options);
    const auto gates = at::empty({places, B, lstm ? G : 0}, options);
    const auto scratch = at::empty({B, sizes.scratch_size()}, options);
    const auto recurrent = recurrent_weight.t().contiguous(), interface = interface_weight.t();
    auto r = at::empty({B, G}, options);
    const auto kernel = recurrent_cell_kernel(RecurrentCell::kLstm);
    for (std::int64_t t = 0; t < T; ++t) {
      const auto before = states.select(0, t), after = states.select(0, t + 1);
      const auto hidden = after.narrow(1, RM, C);
      auto step_told = told.select(0, place(t));
      if (lstm) {
        at::mm_out(r, before, recurrent);
        for (std::int64_t b = 0; b < B; ++b) {
          float* const h = floats(after, b) + RM;
          kernel.forward({.x = floats(x, t) + b * G,
                          .r = floats(r, b),
                          .bias = nullptr,
                          .h_before = floats(before, b) + RM,
                          .c_before = floats(cell, place(t)) + b * C,
                          .saved = floats(gates, place(t)) + b * G,
                          .h = h,
                          .c = floats(cell, place(t + 1)) + b * C,
                          .output = h},
                         C);
        }
      } else {
        hidden.copy_(at::addmm(x.select(0, t), before.narrow(1, 0, RM), recurrent).tanh_());
      }
      at::addmm_out(step_told, interface_bias, hidden, interface);
      parallel_for(B, grain(sizes), [&](std::int64_t begin, std::int64_t end) {
        for (auto b = begin; b < end; ++b)
          memory_forward(sizes, {.interface = floats(step_told, b),
                                 .before = floats(weights, place(t)) + b * weights.size(2),
                                 .memory = floats(memory, place(t)) + b * sizes.cells(),
                                 .saved = floats(saved, place(t)) + b * sizes.saved_size(),
                                 .weights = floats(weights, place(t + 1)) + b * weights.size(2),
                                 .reads = floats(after, b),
                                 .after = floats(memory, place(t + 1)) + b * sizes.cells(),
                                 .scratch = floats(scratch, b)});
      });
    }
    ctx->save_for_backward({recurrent_weight, interface_weight, memory, weights, cell, states, told, saved, gates});
    ctx->saved_data["sizes"] =
        std::vector<std::int64_t>{sizes.rows, sizes.width, sizes.read_heads, sizes.write_heads, sizes.shifts};
    const auto all = states.narrow(0, 1, T);
    return {all.narrow(2, RM, C).contiguous(), all.narrow(2, 0, RM).contiguous()};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto kept = ctx->get_saved_variables();
    const auto &recurrent = kept[0], &interface = kept[1], &memory = kept[2], &weights = kept[3], &cell = kept[4],
               &states = kept[5], &told = kept[6], &saved = kept[7], &gates = kept[8];
    const auto list = ctx->saved_data["sizes"].toIntVector();
    const MemorySizes sizes{list[0], list[1], list[2], list[3], list[4]};
    const auto T = told.size(0) - 1, B = told.size(1), G = recurrent.size(0), C = interface.size(1),
               RM = sizes.read_heads * sizes.width;
    const bool lstm = cell.defined();
    const auto options = states.options();
    const auto zeros_like_step = [&](const Tensor& buffer) { return at::zeros({B, buffer.size(2)}, options); };
    const auto dhidden = gradients[0].contiguous(), dreads_out = gradients[1].contiguous();
    const auto dgates = at::empty({T, B, G}, options), dtold = at::empty({T, B, told.size(2)}, options);
    const auto dmemory = zeros_like_step(memory), dweights = zeros_like_step(weights);
    const auto dcell = at::zeros({B, C}, options), none = at::zeros({B, C}, options);
    const auto scratch = at::empty({B, sizes.scratch_size()}, options);
    auto dh = at::empty({B, C}, options),
         dstate = at::zeros({B, recurrent.size(1)}, options);  // of [r; h] by the step behind
    const auto kernel = recurrent_cell_kernel(RecurrentCell::kLstm);
    for (auto t = T - 1; t >= 0; --t) {
      const auto dreads = dreads_out.select(0, t).add(dstate.narrow(1, 0, RM)), step_dtold = dtold.select(0, t);
      parallel_for(B, grain(sizes), [&](std::int64_t begin, std::int64_t end) {
        for (auto b = begin; b < end; ++b)
          memory_backward(sizes, {.interface = floats(told, t) + b * told.size(2),
                                  .before = floats(weights, t) + b * weights.size(2),
                                  .memory = floats(memory, t) + b * sizes.cells(),
                                  .saved = floats(saved, t) + b * sizes.saved_size(),
                                  .weights = floats(weights, t + 1) + b * weights.size(2),
                                  .dreads = floats(dreads, b),
                                  .dweights = floats(dweights, b),
                                  .dmemory = floats(dmemory, b),
                                  .dinterface = floats(step_dtold, b),
                                  .scratch = floats(scratch, b)});
      });
      at::addmm_out(dh, dhidden.select(0, t), step_dtold, interface);
      const auto before = states.select(0, t), step_dgates = dgates.select(0, t);
      if (lstm) {
        dh.add_(dstate.narrow(1, RM, C));
        for (std::int64_t b = 0; b < B; ++b) {
          kernel.backward({.saved = floats(gates, t) + b * G,
                           .h = nullptr,
                           .h_before = floats(before, b) + RM,
                           .c = floats(cell, t + 1) + b * C,
                           .c_before = floats(cell, t) + b * C,
                           .through_product = floats(none, b),
                           .doutput = floats(none, b),
                           .dx = floats(step_dgates, b),
                           .dr = floats(step_dgates, b),
                           .dh = floats(dh, b),
                           .dc = floats(dcell, b)},
                          C);
        }
      } else {
        step_dgates.copy_(dh * (1 - states.select(0, t + 1).narrow(1, RM, C).square()));
      }
      at::mm_out(dstate, step_dgates, recurrent);
    }
    const auto flat = [](const Tensor& x) { return x.flatten(0, 1); };
    const auto all_before = flat(states.narrow(0, 0, T)).narrow(1, 0, recurrent.size(1));
    const auto all_hidden = flat(states.narrow(0, 1, T)).narrow(1, RM, C);
    const auto over_rows = dstate.sum(0);
    return {Tensor(),
            Tensor(),
            dgates,
            flat(dgates).t().mm(all_before),
            flat(dtold).t().mm(all_hidden),
            flat(dtold).sum(0),
            dmemory.sum(0).view({sizes.width, sizes.rows}),
            dweights.sum(0).view({sizes.heads(), sizes.rows}),
            over_rows.narrow(0, 0, RM),
            lstm ? over_rows.narrow(0, RM, C) : Tensor(),
            lstm ? dcell.sum(0) : Tensor()};
  }
};

/// What the linear layer gives some heads, in its ranges. Shapes: told (B,P) -> (B,heads,...).
HeadInterface heads_of(const Tensor& told, const MemorySizes& sizes, std::int64_t first, std::int64_t count) {
  std::vector<Tensor> heads;
  for (std::int64_t h = first; h < first + count; ++h)
    heads.push_back(told.narrow(1, sizes.begin(h), sizes.address_size()));
  const auto all = at::stack(heads, 1);
  const auto parts = all.split_with_sizes({sizes.width, 1, 1, sizes.shifts, 1}, 2);
  return {.key = parts[0],
          .strength = at::softplus(parts[1]),
          .gate = parts[2].sigmoid(),
          .sharpening = 1 + at::softplus(parts[4]),
          .shift = parts[3].softmax(-1)};
}

}  // namespace

void NtmConfig::for_each_field(FieldVisitor& visit) {
  const auto size = [](double most, std::string_view help) {
    return FieldRules{.least = 1, .most = most, .help = help};
  };
  visit(
      "input_size", input_size,
      {.least = 1, .most = 1 << 16, .from_tokenizer = true, .help = "width of the vectors it reads; null: the task's"});
  visit("output_size", output_size,
        {.least = 1, .most = 1 << 16, .from_tokenizer = true, .help = "bits it writes in a step; null: the task's"});
  visit("controller", controller, {.choices = {"lstm", "feedforward"}, .help = "lstm or feedforward"});
  visit("controller_size", controller_size, size(1 << 16, "units of the controller"));
  visit("read_heads", read_heads, size(256, "heads that read"));
  visit("write_heads", write_heads, size(256, "heads that write"));
  visit("memory_rows", memory_rows, size(1 << 20, "places of the memory"));
  visit("memory_width", memory_width, size(1 << 16, "width of a place"));
  visit("shift_range", shift_range, {.least = 0, .most = 1 << 10, .help = "how far a head moves in a step"});
}

void NtmConfig::validate() const {
  check_fields(*this, "ntm config");
  if (2 * shift_range >= memory_rows)
    throw std::invalid_argument(
        c10::str("ntm config: shift_range = ", shift_range, " must be less than half of memory_rows = ", memory_rows));
}

NtmAddressing ntm_address(const Tensor& memory, const Tensor& before, const HeadInterface& heads) {
  NtmAddressing stages;
  const auto lengths = heads.key.norm(2, -1, true) * memory.norm(2, -1).unsqueeze(1);  // (B,H,N)
  const auto cosines = heads.key.matmul(memory.transpose(1, 2)) / (lengths + kCosineEpsilon);
  stages.content = (heads.strength * cosines).softmax(-1);
  stages.gated = heads.gate * stages.content + (1 - heads.gate) * before;
  const auto range = heads.shift.size(-1) / 2;
  for (auto shift = -range; shift <= range; ++shift) {
    const auto part = at::roll(stages.gated, {shift}, {-1}) * heads.shift.narrow(-1, shift + range, 1);
    stages.shifted = shift == -range ? part : stages.shifted + part;
  }
  // The power as a softmax of logarithms, which no sharpening makes zero everywhere.
  stages.sharpened = (heads.sharpening * stages.shifted.clamp_min(kLeastWeight).log()).softmax(-1);
  return stages;
}

NtmImpl::NtmImpl(const NtmConfig& config) : TaskModule(config) {
  config_.validate();
  const auto sizes = config_.memory();
  const auto I = config_.input_size, C = config_.controller_size, RM = sizes.read_heads * sizes.width;
  const bool lstm = config_.has_lstm();
  controller = register_module("controller", Linear(I + RM + (lstm ? C : 0), (lstm ? 4 : 1) * C));
  interface = register_module("interface", Linear(C, sizes.interface_size()));
  output = register_module("output", Linear(C + RM, config_.output_size));
  initial_memory = register_parameter("initial_memory", torch::empty({sizes.rows, sizes.width}));
  initial_weights = register_parameter("initial_weights", torch::empty({sizes.heads(), sizes.rows}));
  initial_reads = register_parameter("initial_reads", torch::empty({RM}));
  if (lstm) {
    initial_hidden = register_parameter("initial_hidden", torch::empty({C}));
    initial_cell = register_parameter("initial_cell", torch::empty({C}));
  }
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  for (const auto& layer : {controller, interface, output}) {
    const auto bound = 1 / std::sqrt(static_cast<double>(layer->weight.size(1)));
    layer->weight.uniform_(-bound, bound);
    layer->bias.zero_();
  }
  // Unlike rows: nothing else tells the places apart.
  const auto bound = 1 / std::sqrt(static_cast<double>(sizes.rows + sizes.width));
  initial_memory.uniform_(-bound, bound);
  for (const auto& first : {initial_weights, initial_reads, initial_hidden, initial_cell}) {
    if (first.defined()) first.zero_();
  }
}

Tensor NtmImpl::logits(const Tensor& inputs) {
  if (inputs.dim() != 3 || inputs.size(2) != config_.input_size || inputs.numel() == 0)
    throw std::invalid_argument(
        c10::str("ntm: inputs must be (T,B,", config_.input_size, "), not empty, are ", inputs.sizes()));
  if (!inputs.is_cpu() || inputs.scalar_type() != torch::kFloat32 ||
      controller->weight.scalar_type() != torch::kFloat32)
    return stepwise_logits(inputs);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  const auto I = config_.input_size;
  const auto& weight = controller->weight;
  const auto gates = at::linear(inputs, weight.narrow(1, 0, I), controller->bias);
  std::optional<Tensor> hidden, cell;
  if (config_.has_lstm()) hidden = initial_hidden, cell = initial_cell;
  const auto results =
      NtmSequence::apply(config_.memory(), torch::GradMode::is_enabled(), gates,
                         weight.narrow(1, I, weight.size(1) - I), interface->weight, interface->bias,
                         initial_memory.t().contiguous(), initial_weights.softmax(1), initial_reads, hidden, cell);
  return output(at::cat(results, 2));
}

Tensor NtmImpl::stepwise_logits(const Tensor& inputs, NtmTrace* trace) {
  const auto sizes = config_.memory();
  const auto T = inputs.size(0), B = inputs.size(1), R = sizes.read_heads, W = sizes.write_heads;
  const bool lstm = config_.has_lstm();
  const auto repeated = [&](const Tensor& first) {
    auto shape = first.sizes().vec();
    shape.insert(shape.begin(), B);
    return first.unsqueeze(0).expand(shape);
  };
  auto memory = repeated(initial_memory), weights = repeated(initial_weights.softmax(1));
  auto reads = repeated(initial_reads);
  auto hidden = lstm ? repeated(initial_hidden) : Tensor(), cell = lstm ? repeated(initial_cell) : Tensor();
  std::vector<Tensor> logits, all_weights, all_reads, all_adds;
  for (std::int64_t t = 0; t < T; ++t) {
    if (lstm) {
      const auto gates = controller(at::cat({inputs[t], reads, hidden}, 1)).chunk(4, 1);
      cell = gates[1].sigmoid() * cell + gates[0].sigmoid() * gates[2].tanh();
      hidden = gates[3].sigmoid() * cell.tanh();
    } else {
      hidden = controller(at::cat({inputs[t], reads}, 1)).tanh();
    }
    const auto told = interface(hidden);
    weights = ntm_address(memory, weights, heads_of(told, sizes, 0, R + W)).sharpened;
    reads = weights.narrow(1, 0, R).matmul(memory);  // (B,R,M)
    std::vector<Tensor> adds;
    auto added = at::zeros_like(memory), left = memory;
    for (auto h = R; h < R + W; ++h) {
      const auto at = sizes.begin(h) + sizes.address_size();
      const auto erase = told.narrow(1, at, sizes.width).sigmoid(), add = told.narrow(1, at + sizes.width, sizes.width);
      const auto w = weights.select(1, h).unsqueeze(2);  // (B,N,1)
      left = left * (1 - w * erase.unsqueeze(1));
      added = added + w * add.unsqueeze(1);
      adds.push_back(add);
    }
    memory = left + added;
    if (trace != nullptr) {
      all_weights.push_back(weights[0]);
      all_reads.push_back(reads[0]);
      all_adds.push_back(at::stack(adds, 1)[0]);
    }
    reads = reads.flatten(1);
    logits.push_back(output(at::cat({hidden, reads}, 1)));
  }
  const auto result = at::stack(logits);
  if (trace != nullptr)
    *trace = {result.select(1, 0), at::stack(all_weights), at::stack(all_reads), at::stack(all_adds), memory[0]};
  return result;
}

const PretrainedTraits& NtmImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "ntm", .architecture = "NeuralTuringMachine", .base_model_prefix = ""};
  return traits;
}

}  // namespace langzoo
