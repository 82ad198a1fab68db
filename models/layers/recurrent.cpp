#include "models/layers/recurrent.h"

#include <cmath>
#include <stdexcept>
#include <tuple>

#include <ATen/autocast_mode.h>
#include <c10/util/StringUtil.h>

#include "models/layers/gemv.h"
#include "models/layers/init.h"
#include "models/layers/matmul.h"
#include "models/layers/recurrent_kernel.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

std::int64_t gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::kLstm ? 4 : cell == RecurrentCell::kGru ? 3 : 1;
}

/// Rows [begin, begin + n) of a state's tensor, which may be undefined.
Tensor rows_of(const Tensor& state, std::int64_t begin, std::int64_t n) {
  return state.defined() ? state.narrow(0, begin, n) : state;
}

bool runs_by_kernel(const Tensor& x, const Tensor& weight) {
  return x.is_cpu() && weight.scalar_type() == torch::kFloat32 && weight.is_cpu();
}

/// x and its context as the columns of W_ih want them.
Tensor with_context(const Tensor& x, const Tensor& context) {
  if (!context.defined()) return x;
  const auto steps = context.dim() == 2 ? context.unsqueeze(0).expand({x.size(0), -1, -1}) : context;
  return at::cat({steps, x}, -1);
}

Tensor concatenated(const std::vector<Tensor>& parts) {
  return parts.empty() || !parts.front().defined() ? Tensor() : parts.size() == 1 ? parts.front() : at::cat(parts, 0);
}

}  // namespace

RecurrentCell recurrent_cell_from_name(const std::string& name) {
  if (name == "rnn_tanh") return RecurrentCell::kRnnTanh;
  if (name == "rnn_relu") return RecurrentCell::kRnnRelu;
  if (name == "lstm") return RecurrentCell::kLstm;
  if (name == "gru") return RecurrentCell::kGru;
  throw std::invalid_argument("recurrent cell \"" + name + "\" is not known: use rnn_tanh, rnn_relu, lstm or gru");
}

void RecurrentOptions::validate() const {
  const auto require = [](bool holds, const char* field, auto value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("recurrent layers: ", field, " = ", value, " must be ", rule));
  };
  constexpr std::int64_t kLargest = 1 << 20;
  require(input_size >= 1 && input_size <= kLargest, "input_size", input_size, "between 1 and 2^20");
  require(hidden_size >= 1 && hidden_size <= kLargest, "hidden_size", hidden_size, "between 1 and 2^20");
  require(num_layers >= 1 && num_layers <= 1024, "num_layers", num_layers, "between 1 and 1024");
  require(dropout >= 0.0 && dropout < 1.0, "dropout", dropout, "in [0, 1)");
  require(context_size >= 0 && context_size <= kLargest, "context_size", context_size, "between 0 and 2^20");
  require(residual_from >= 0, "residual_from", residual_from, "0 or more");
  require(residual_from != 1 || input_size == hidden_size * (bidirectional ? 2 : 1), "residual_from", residual_from,
          "at least 2 where the input is not as wide as the output");
}

RecurrentImpl::RecurrentImpl(const RecurrentOptions& options)
    : options_(options), directions_(options.bidirectional ? 2 : 1), gates_(gates_of(options.cell)) {
  options_.validate();
  const auto H = options_.hidden_size;
  const double bound = 1.0 / std::sqrt(static_cast<double>(H));
  for (std::int64_t layer = 0; layer < options_.num_layers; ++layer) {
    const auto width = context_width(layer) + (layer == 0 ? options_.input_size : directions_ * H);
    for (std::int64_t direction = 0; direction < directions_; ++direction) {
      const auto parameter = [&](const char* name, at::IntArrayRef sizes) {
        const auto tensor =
            register_parameter(c10::str(name, "_l", layer, direction == 1 ? "_reverse" : ""), torch::empty(sizes));
        const torch::NoGradGuard no_grad;
        if (!SkipInit::active()) tensor.uniform_(-bound, bound);
        return tensor;
      };
      Weights weights;
      weights.ih = parameter("weight_ih", {gates_ * H, width});
      weights.hh = parameter("weight_hh", {gates_ * H, H});
      weights.bias_ih = parameter("bias_ih", {gates_ * H});
      if (options_.recurrent_bias) weights.bias_hh = parameter("bias_hh", {gates_ * H});
      weights_.push_back(weights);
    }
  }
}

std::int64_t RecurrentImpl::context_width(std::int64_t layer) const {
  return layer == 0 || options_.context_in_all_layers ? options_.context_size : 0;
}

/// What may be added to the input's share of the gates: a GRU's bias_hh belongs to the recurrent share, which r scales.
Tensor RecurrentImpl::folded_bias(const Weights& weights) const {
  const bool fold = weights.bias_hh.defined() && options_.cell != RecurrentCell::kGru;
  return fold ? weights.bias_ih + weights.bias_hh : weights.bias_ih;
}

RecurrentOutput RecurrentImpl::forward(const Tensor& x, const RecurrentInputs& inputs) {
  return forward_from(0, x, inputs);
}

RecurrentOutput RecurrentImpl::forward_from(std::int64_t first, const Tensor& x, const RecurrentInputs& inputs) {
  const auto D = directions_;
  const auto width = first == 0 ? options_.input_size : D * options_.hidden_size;
  const auto& [state, lengths, context, weight_hh] = inputs;
  const auto require = [](bool holds, const char* what, at::IntArrayRef sizes) {
    if (!holds) throw std::invalid_argument(c10::str("recurrent layers: ", what, ", is ", sizes));
  };
  require(x.dim() == 3 && x.size(0) >= 1 && x.size(2) == width, "the input must be (T,B,C) with C as configured",
          x.sizes());
  require(context.defined() == (options_.context_size > 0) || first == options_.num_layers ||
              (context_width(first) == 0 && !context.defined()),
          "a context is given where there is room for it", context.defined() ? context.sizes() : at::IntArrayRef());
  if (context.defined())
    require(context.size(-1) == options_.context_size, "the context has another width", context.sizes());
  require(!weight_hh.defined() || (options_.num_layers == 1 && D == 1), "weight_hh is given for one layer alone",
          weight_hh.defined() ? weight_hh.sizes() : at::IntArrayRef());
  Tensor on_cpu = lengths;
  if (lengths.defined()) {
    require(lengths.dim() == 1 && lengths.size(0) == x.size(1), "lengths must be (B)", lengths.sizes());
    on_cpu = lengths.to(torch::kCPU, torch::kInt64).contiguous();
    if (on_cpu.numel() > 0) {
      const auto [least, most] = on_cpu.aminmax();
      if (least.item<std::int64_t>() < 1 || most.item<std::int64_t>() > x.size(0))
        throw std::invalid_argument(c10::str("recurrent layers: lengths from ", least.item<std::int64_t>(), " to ",
                                             most.item<std::int64_t>(), " must lie between 1 and T = ", x.size(0)));
      if (least.item<std::int64_t>() == x.size(0)) on_cpu = Tensor();
    }
  }

  auto y = x;
  std::vector<Tensor> hidden, cell;
  for (std::int64_t layer = first; layer < options_.num_layers; ++layer) {
    const RecurrentState own{rows_of(state.hidden, layer * D, D), rows_of(state.cell, layer * D, D)};
    const auto entering = at::dropout(y, options_.dropout, is_training() && layer > 0 && options_.dropout > 0.0);
    const auto own_context = context_width(layer) > 0 ? context : Tensor();
    const auto result = runs_by_kernel(x, weights(layer, 0).hh)
                            ? layer_by_kernel(layer, entering, own_context, own, on_cpu, weight_hh)
                            : layer_by_torch(layer, entering, own_context, own, on_cpu, weight_hh);
    const bool residual = options_.residual_from > 0 && layer + 1 >= options_.residual_from;
    y = residual ? y + result.output : result.output;
    hidden.push_back(result.state.hidden);
    cell.push_back(result.state.cell);
  }
  return {y, {concatenated(hidden), concatenated(cell)}};
}

RecurrentOutput RecurrentImpl::layer_by_kernel(std::int64_t layer, const Tensor& x, const Tensor& context,
                                               const RecurrentState& state, const Tensor& lengths,
                                               const Tensor& weight_hh) const {
  std::vector<Tensor> outputs, hidden, cell;
  for (std::int64_t direction = 0; direction < directions_; ++direction) {
    const auto& own = weights(layer, direction);
    const auto& hh = weight_hh.defined() ? weight_hh : own.hh;
    const auto bias = folded_bias(own);
    Tensor gates;
    const bool one_row = x.size(0) == 1 && x.size(1) == 1 && !context.defined();
    if (one_row && is_gemv(x.select(0, 0), own.ih, bias)) {
      gates = gemv(x.select(0, 0), own.ih, bias).unsqueeze(0);
    } else if (context.defined() && context.dim() == 2) {  // its share of the gates is the same at each step
      const auto width = context.size(-1);
      const auto of_context = affine(context, own.ih.narrow(1, 0, width), bias);
      gates = affine(x, own.ih.narrow(1, width, own.ih.size(1) - width), {}) + of_context;
    } else {
      gates = affine(with_context(x, context), own.ih, bias);
    }
    const auto first = [&](const Tensor& of) { return of.defined() ? of.select(0, direction) : of; };
    const auto bias_hh = options_.cell == RecurrentCell::kGru ? own.bias_hh : Tensor();
    const auto result = recurrent_sequence_cpu(options_.cell, gates.to(torch::kFloat32), hh, bias_hh,
                                               first(state.hidden), first(state.cell), lengths, direction == 1);
    outputs.push_back(result.output);
    hidden.push_back(result.hidden);
    cell.push_back(result.cell);
  }
  const auto stacked = [](const std::vector<Tensor>& rows) {
    return rows.front().defined() ? at::stack(rows) : Tensor();
  };
  return {directions_ == 1 ? outputs.front() : at::cat(outputs, -1), {stacked(hidden), stacked(cell)}};
}

/// torch's operators know lengths only as packed sequences, whose rows are sorted by length.
RecurrentOutput RecurrentImpl::layer_by_torch(std::int64_t layer, const Tensor& x, const Tensor& context,
                                              const RecurrentState& state, const Tensor& lengths,
                                              const Tensor& weight_hh) const {
  std::vector<Tensor> parameters;
  for (std::int64_t direction = 0; direction < directions_; ++direction) {
    const auto& own = weights(layer, direction);
    const auto bias_hh = own.bias_hh.defined() ? own.bias_hh : at::zeros_like(own.bias_ih);
    parameters.insert(parameters.end(), {own.ih, weight_hh.defined() ? weight_hh : own.hh, own.bias_ih, bias_hh});
  }
  const auto or_zeros = [&](const Tensor& of) {
    return of.defined() ? of.contiguous()
                        : at::zeros({directions_, x.size(1), options_.hidden_size}, parameters.front().options());
  };
  auto sequence = with_context(x, context), hidden = or_zeros(state.hidden), cell = or_zeros(state.cell);
  Tensor batch_sizes, order;
  if (lengths.defined()) {
    const auto by_length = lengths.argsort(/*dim=*/0, /*descending=*/true);
    order = by_length.to(x.device());
    std::tie(sequence, batch_sizes) = at::_pack_padded_sequence(
        sequence.index_select(1, order), lengths.index_select(0, by_length), /*batch_first=*/false);
    hidden = hidden.index_select(1, order);
    cell = cell.index_select(1, order);
  }
  const auto run = [&](const auto& op, const auto& start) {
    constexpr bool kBiases = true, kBatchFirst = false;
    const bool both = options_.bidirectional;
    // cuDNN keeps what backward() needs only where it is told that it trains, and some learn in evaluation mode.
    const bool learns = at::GradMode::is_enabled();
    return order.defined() ? op(sequence, batch_sizes, start, parameters, kBiases, 1, 0.0, learns, both)
                           : op(sequence, start, parameters, kBiases, 1, 0.0, learns, both, kBatchFirst);
  };
  Tensor output;
  switch (options_.cell) {
    case RecurrentCell::kLstm:
      std::tie(output, hidden, cell) =
          run([](const auto&... a) { return at::lstm(a...); }, std::vector<Tensor>{hidden, cell});
      break;
    case RecurrentCell::kGru:
      std::tie(output, hidden) = run([](const auto&... a) { return at::gru(a...); }, hidden);
      break;
    case RecurrentCell::kRnnTanh:
      std::tie(output, hidden) = run([](const auto&... a) { return at::rnn_tanh(a...); }, hidden);
      break;
    case RecurrentCell::kRnnRelu:
      std::tie(output, hidden) = run([](const auto&... a) { return at::rnn_relu(a...); }, hidden);
      break;
  }
  if (order.defined()) {
    const auto back = order.argsort();
    output = std::get<0>(at::_pad_packed_sequence(output, batch_sizes, /*batch_first=*/false, 0.0, x.size(0)));
    output = output.index_select(1, back);
    hidden = hidden.index_select(1, back);
    cell = cell.index_select(1, back);
  }
  return {output, {hidden, options_.cell == RecurrentCell::kLstm ? cell : Tensor()}};
}

Tensor RecurrentImpl::input_gates(std::int64_t layer, const Tensor& x) const {
  const auto& own = weights(layer, 0);
  const auto context = context_width(layer);
  return affine(x, own.ih.narrow(1, context, own.ih.size(1) - context), folded_bias(own)).to(own.hh.scalar_type());
}

RecurrentSteps RecurrentImpl::steps(std::int64_t layer) const {
  const auto& own = weights(layer, 0);
  RecurrentSteps steps;
  steps.cell_ = options_.cell;
  steps.recurrent_ = StepwiseProduct(own.hh.t());
  if (context_width(layer) > 0) steps.context_ = StepwiseProduct(own.ih.narrow(1, 0, context_width(layer)).t());
  if (options_.cell == RecurrentCell::kGru) steps.bias_hh_ = own.bias_hh;
  return steps;
}

RecurrentState RecurrentSteps::operator()(const Tensor& gates, const Tensor& context,
                                          const RecurrentState& state) const {
  const auto x = context.defined() ? gates + context_(context) : gates;
  const auto r = recurrent_(state.hidden);
  if (runs_by_kernel(x, recurrent_.matrix())) return recurrent_cell_cpu(cell_, x, r, bias_hh_, state);
  if (cell_ == RecurrentCell::kRnnTanh) return {(x + r).tanh(), {}};
  if (cell_ == RecurrentCell::kRnnRelu) return {(x + r).relu(), {}};
  if (cell_ == RecurrentCell::kGru) {
    const auto in = x.chunk(3, 1), recurrent = (bias_hh_.defined() ? r + bias_hh_ : r).chunk(3, 1);
    const auto reset = (in[0] + recurrent[0]).sigmoid(), keep = (in[1] + recurrent[1]).sigmoid();
    const auto candidate = (in[2] + reset * recurrent[2]).tanh();
    return {candidate + keep * (state.hidden - candidate), {}};
  }
  const auto gate = (x + r).chunk(4, 1);
  auto cell = gate[0].sigmoid() * gate[2].tanh();
  if (state.cell.defined()) cell = cell + gate[1].sigmoid() * state.cell;
  return {gate[3].sigmoid() * cell.tanh(), cell};
}

Tensor reverse_padded(const Tensor& x, const Tensor& lengths) {
  const auto S = x.size(1);
  const auto place = at::arange(S, lengths.options()).unsqueeze(0), length = lengths.unsqueeze(1);  // (1,S), (B,1)
  auto from = at::where(place < length, length - 1 - place, place);                                 // (B,S)
  for (auto d = from.dim(); d < x.dim(); ++d) from = from.unsqueeze(-1);
  return x.gather(1, from.expand_as(x));
}

}  // namespace langzoo
