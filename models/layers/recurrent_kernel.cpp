#include "models/layers/recurrent_kernel.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "models/layers/matmul.h"
#include "models/layers/parallel_for.h"
#include "models/layers/recurrent_cells.h"
#include "models/layers/step_product.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const float* floats(const Tensor& x) {
  return x.defined() ? x.const_data_ptr<float>() : nullptr;
}

/// Rows of a step that one thread takes at least.
std::int64_t grain(std::int64_t width) {
  return 1 + 2048 / width;
}

/// Where the states after step t and before it stand in a buffer of T + 1 of them; the first state is at either end.
struct Places {
  std::int64_t steps;
  bool reverse;
  std::int64_t after(std::int64_t t) const { return reverse ? t : t + 1; }
  std::int64_t before(std::int64_t t) const { return reverse ? t + 1 : t; }
  std::int64_t first() const { return reverse ? steps : 0; }
  std::int64_t last() const { return reverse ? 0 : steps; }
  std::int64_t step(std::int64_t k) const { return reverse ? steps - 1 - k : k; }  ///< the k-th to be taken
};

struct SequenceFunction : torch::autograd::Function<SequenceFunction> {
  static variable_list forward(AutogradContext* ctx, const Tensor& gates, const Tensor& weight_hh,
                               const std::optional<Tensor>& bias_hh, const std::optional<Tensor>& hidden,
                               const std::optional<Tensor>& cell, const std::optional<Tensor>& row_lengths,
                               RecurrentCell kind, bool reverse) {
    const RecurrentCellKernel kernel = recurrent_cell_kernel(kind);
    const std::int64_t T = gates.size(0), B = gates.size(1), H = weight_hh.size(1), GH = kernel.gates * H,
                       SH = kernel.saved * H;
    const bool lstm = kind == RecurrentCell::kLstm;
    const Places place{T, reverse};
    const auto options = gates.options();
    const auto x = gates.contiguous();
    const auto states = at::empty({T + 1, B, H}, options), output = at::empty({T, B, H}, options);
    const auto cells = lstm ? at::empty({T + 1, B, H}, options) : Tensor();
    const auto saved = at::empty({T, B, SH}, options);
    const auto start = [&](const Tensor& buffer, const std::optional<Tensor>& given) {
      if (given) buffer.select(0, place.first()).copy_(*given);
      if (!given) buffer.select(0, place.first()).zero_();
    };
    start(states, hidden);
    if (lstm) start(cells, cell);
    const auto bias = bias_hh ? bias_hh->contiguous() : at::zeros({GH}, options);

    const auto lengths = row_lengths.value_or(Tensor());
    const auto* const length = lengths.defined() ? lengths.const_data_ptr<std::int64_t>() : nullptr;
    float* const h = states.data_ptr<float>();
    float* const c = (lstm ? cells : states).data_ptr<float>();  // no other cell reads it
    float* const kept = saved.data_ptr<float>();
    float* const out = output.data_ptr<float>();
    StepProduct product(weight_hh, B, T);
    for (std::int64_t k = 0; k < T; ++k) {
      const auto t = place.step(k), before = place.before(t) * B, after = place.after(t) * B;
      const auto recurrent = product(states.select(0, place.before(t)));
      const float* const r = floats(recurrent);
      parallel_for(B, grain(GH), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const auto at = t * B + b;
          if (length == nullptr || t < length[b]) {
            kernel.forward({.x = floats(x) + at * GH,
                            .r = r + b * GH,
                            .bias = floats(bias),
                            .h_before = h + (before + b) * H,
                            .c_before = c + (before + b) * H,
                            .saved = kept + at * SH,
                            .h = h + (after + b) * H,
                            .c = c + (after + b) * H,
                            .output = out + at * H},
                           H);
          } else {
            std::copy_n(h + (before + b) * H, H, h + (after + b) * H);
            if (lstm) std::copy_n(c + (before + b) * H, H, c + (after + b) * H);
            std::fill_n(out + at * H, H, 0.0f);
          }
        }
      });
    }
    ctx->save_for_backward({weight_hh, saved, states, cells, lengths});
    ctx->saved_data["with_bias"] = bias_hh.has_value();
    ctx->saved_data["with_hidden"] = hidden.has_value();
    ctx->saved_data["with_cell"] = cell.has_value();
    ctx->saved_data["kind"] = static_cast<std::int64_t>(kind);
    ctx->saved_data["reverse"] = reverse;
    ctx->set_materialize_grads(false);
    variable_list result{output, states.select(0, place.last()).clone()};
    if (lstm) result.push_back(cells.select(0, place.last()).clone());
    return result;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    const auto variables = ctx->get_saved_variables();
    const auto &weight_hh = variables[0], &saved = variables[1], &states = variables[2], &cells = variables[3],
               &lengths = variables[4];
    const auto kind = static_cast<RecurrentCell>(ctx->saved_data["kind"].toInt());
    const bool lstm = kind == RecurrentCell::kLstm, gru = kind == RecurrentCell::kGru;
    const RecurrentCellKernel kernel = recurrent_cell_kernel(kind);
    const std::int64_t T = states.size(0) - 1, B = states.size(1), H = states.size(2), GH = kernel.gates * H,
                       SH = kernel.saved * H;
    const Places place{T, ctx->saved_data["reverse"].toBool()};
    const auto options = states.options();
    const auto given_or_zeros = [&](const Tensor& gradient) {
      return gradient.defined() ? gradient.clone(at::MemoryFormat::Contiguous) : at::zeros({B, H}, options);
    };
    const auto doutput = gradients[0].defined() ? gradients[0].contiguous() : at::zeros({T, B, H}, options);
    const auto dhidden = given_or_zeros(gradients[1]);
    const auto dcell = lstm ? given_or_zeros(gradients[2]) : Tensor();
    const auto dgates = at::empty({T, B, GH}, options);
    const auto drecurrent = gru ? at::empty({T, B, GH}, options) : dgates;

    const auto* const length = lengths.defined() ? lengths.const_data_ptr<std::int64_t>() : nullptr;
    const float *const h = floats(states), *const c = floats(lstm ? cells : states);
    float *const dx = dgates.data_ptr<float>(), *const dr = drecurrent.data_ptr<float>();
    float *const dh = dhidden.data_ptr<float>(), *const dc = (lstm ? dcell : dhidden).data_ptr<float>();
    StepProduct product(weight_hh.t(), B, T);
    Tensor through_product = at::zeros({B, H}, options);
    for (std::int64_t k = T - 1; k >= 0; --k) {
      const auto t = place.step(k), before = place.before(t) * B, after = place.after(t) * B;
      const float* const through = floats(through_product);
      parallel_for(B, grain(GH), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const auto at = t * B + b;
          if (length == nullptr || t < length[b]) {
            kernel.backward({.saved = floats(saved) + at * SH,
                             .h = h + (after + b) * H,
                             .h_before = h + (before + b) * H,
                             .c = c + (after + b) * H,
                             .c_before = c + (before + b) * H,
                             .through_product = through + b * H,
                             .doutput = floats(doutput) + at * H,
                             .dx = dx + at * GH,
                             .dr = dr + at * GH,
                             .dh = dh + b * H,
                             .dc = dc + b * H},
                            H);
          } else {
            std::fill_n(dx + at * GH, GH, 0.0f);
            if (gru) std::fill_n(dr + at * GH, GH, 0.0f);
            for (std::int64_t j = 0; j < H; ++j) dh[b * H + j] += through[b * H + j];
          }
        }
      });
      through_product = product(drecurrent.select(0, t));
    }
    Tensor dweight, dbias, dhidden_first, dcell_first;
    const auto rows = drecurrent.flatten(0, 1);
    if (ctx->needs_input_grad(1)) dweight = matmul_2d(rows.t(), states.narrow(0, place.before(0), T).flatten(0, 1));
    if (ctx->saved_data["with_bias"].toBool()) dbias = rows.sum(0);
    if (ctx->saved_data["with_hidden"].toBool()) dhidden_first = dhidden.add_(through_product);
    if (ctx->saved_data["with_cell"].toBool()) dcell_first = dcell;
    return {dgates, dweight, dbias, dhidden_first, dcell_first, {}, {}, {}};
  }
};

struct CellFunction : torch::autograd::Function<CellFunction> {
  static variable_list forward(AutogradContext* ctx, const Tensor& input_share, const Tensor& recurrent_share,
                               const std::optional<Tensor>& bias_hh, const Tensor& hidden,
                               const std::optional<Tensor>& cell, RecurrentCell kind) {
    const RecurrentCellKernel kernel = recurrent_cell_kernel(kind);
    const std::int64_t B = hidden.size(0), H = hidden.size(1), GH = kernel.gates * H, SH = kernel.saved * H;
    const bool lstm = kind == RecurrentCell::kLstm;
    const auto options = hidden.options();
    const auto x = input_share.contiguous(), r = recurrent_share.contiguous(), before = hidden.contiguous();
    const auto cell_before = !lstm ? Tensor() : cell ? cell->contiguous() : at::zeros({B, H}, options);
    const auto bias = bias_hh ? bias_hh->contiguous() : at::zeros({GH}, options);
    const auto saved = at::empty({B, SH}, options), output = at::empty({B, H}, options), after = at::empty_like(output);
    const auto cell_after = lstm ? at::empty_like(output) : Tensor();
    const float* const c_before = floats(lstm ? cell_before : before);
    float* const c_after = (lstm ? cell_after : after).data_ptr<float>();
    parallel_for(B, grain(GH), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        kernel.forward({.x = floats(x) + b * GH,
                        .r = floats(r) + b * GH,
                        .bias = floats(bias),
                        .h_before = floats(before) + b * H,
                        .c_before = c_before + b * H,
                        .saved = saved.data_ptr<float>() + b * SH,
                        .h = after.data_ptr<float>() + b * H,
                        .c = c_after + b * H,
                        .output = output.data_ptr<float>() + b * H},
                       H);
      }
    });
    ctx->save_for_backward({saved, before, after, cell_before, cell_after});
    ctx->saved_data["kind"] = static_cast<std::int64_t>(kind);
    ctx->saved_data["with_bias"] = bias_hh.has_value();
    ctx->saved_data["with_cell"] = cell.has_value();
    ctx->set_materialize_grads(false);
    variable_list result{output};
    if (lstm) result.push_back(cell_after);
    return result;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    const auto variables = ctx->get_saved_variables();
    const auto &saved = variables[0], &before = variables[1], &after = variables[2];
    const auto kind = static_cast<RecurrentCell>(ctx->saved_data["kind"].toInt());
    const bool lstm = kind == RecurrentCell::kLstm, gru = kind == RecurrentCell::kGru;
    const RecurrentCellKernel kernel = recurrent_cell_kernel(kind);
    const std::int64_t B = before.size(0), H = before.size(1), GH = kernel.gates * H, SH = kernel.saved * H;
    const auto options = before.options();
    const auto zeros = at::zeros({B, H}, options);
    const auto doutput = gradients[0].defined() ? gradients[0].contiguous() : zeros;
    const auto dcell =
        lstm && gradients[1].defined() ? gradients[1].clone(at::MemoryFormat::Contiguous) : at::zeros({B, H}, options);
    const auto dhidden = at::zeros({B, H}, options), dx = at::empty({B, GH}, options);
    const auto dr = gru ? at::empty_like(dx) : dx;
    const float* const c_before = floats(lstm ? variables[3] : before);
    const float* const c_after = floats(lstm ? variables[4] : after);
    parallel_for(B, grain(GH), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        kernel.backward({.saved = floats(saved) + b * SH,
                         .h = floats(after) + b * H,
                         .h_before = floats(before) + b * H,
                         .c = c_after + b * H,
                         .c_before = c_before + b * H,
                         .through_product = floats(zeros) + b * H,
                         .doutput = floats(doutput) + b * H,
                         .dx = dx.data_ptr<float>() + b * GH,
                         .dr = dr.data_ptr<float>() + b * GH,
                         .dh = dhidden.data_ptr<float>() + b * H,
                         .dc = dcell.data_ptr<float>() + b * H},
                        H);
      }
    });
    return {dx,
            dr,
            ctx->saved_data["with_bias"].toBool() ? dr.sum(0) : Tensor(),
            gru ? dhidden : Tensor(),
            ctx->saved_data["with_cell"].toBool() ? dcell : Tensor(),
            Tensor()};
  }
};

std::optional<Tensor> given(const Tensor& x) {
  return x.defined() ? std::optional(x) : std::nullopt;
}

}  // namespace

RecurrentSequence recurrent_sequence_cpu(RecurrentCell kind, const Tensor& gates, const Tensor& weight_hh,
                                         const Tensor& bias_hh, const Tensor& hidden, const Tensor& cell,
                                         const Tensor& lengths, bool reverse) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  const auto result = SequenceFunction::apply(gates, weight_hh, given(bias_hh), given(hidden), given(cell),
                                              given(lengths), kind, reverse);
  return {result[0], result[1], result.size() > 2 ? result[2] : Tensor()};
}

RecurrentState recurrent_cell_cpu(RecurrentCell kind, const Tensor& x, const Tensor& r, const Tensor& bias_hh,
                                  const RecurrentState& state) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  const auto result = CellFunction::apply(x, r, given(bias_hh), state.hidden, given(state.cell), kind);
  return {result[0], result.size() > 1 ? result[1] : Tensor()};
}

}  // namespace langzoo
