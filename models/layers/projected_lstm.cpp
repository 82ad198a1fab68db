#include "models/layers/projected_lstm.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <ATen/autocast_mode.h>
#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "models/layers/matmul.h"
#include "models/layers/parallel_for.h"
#include "models/layers/step_product.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// One row of a step: the gates' two shares, and what comes of them. `saved` has i, f, g, o after their nonlinearities.
LANGZOO_INLINE void bounded_cell(const float* __restrict x, const float* __restrict r, const float* __restrict c_before,
                                 float* __restrict saved, float* __restrict c, float* __restrict m, float clip,
                                 std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float i = sigmoid_approx(x[j] + r[j]);
    const float f = sigmoid_approx(x[n + j] + r[n + j]);
    const float g = tanh_approx(x[2 * n + j] + r[2 * n + j]);
    const float o = sigmoid_approx(x[3 * n + j] + r[3 * n + j]);
    float cell = f * c_before[j] + i * g;
    cell = cell > clip ? clip : cell < -clip ? -clip : cell;  // NaN stays one
    saved[j] = i;
    saved[n + j] = f;
    saved[2 * n + j] = g;
    saved[3 * n + j] = o;
    c[j] = cell;
    m[j] = o * tanh_approx(cell);
  }
}
LANGZOO_VECTOR_CLONES void bounded_cell_forward(const float* x, const float* r, const float* c_before, float* saved,
                                                float* c, float* m, float clip, std::int64_t n) {
  bounded_cell(x, r, c_before, saved, c, m, clip, n);
}

/// `dm` reached the cell's output, `dc` its value, by the step after; it becomes what the step before gets.
LANGZOO_INLINE void bounded_cell_gradient(const float* __restrict saved, const float* __restrict c,
                                          const float* __restrict c_before, const float* __restrict dm,
                                          float* __restrict dx, float* __restrict dc, float clip, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float i = saved[j], f = saved[n + j], g = saved[2 * n + j], o = saved[3 * n + j];
    const float squashed = tanh_approx(c[j]);
    const float inner = dc[j] + dm[j] * o * (1.0f - squashed * squashed);
    const float c_grad = c[j] < clip && c[j] > -clip ? inner : 0.0f;
    dx[j] = c_grad * g * i * (1.0f - i);
    dx[n + j] = c_grad * c_before[j] * f * (1.0f - f);
    dx[2 * n + j] = c_grad * i * (1.0f - g * g);
    dx[3 * n + j] = dm[j] * squashed * o * (1.0f - o);
    dc[j] = c_grad * f;
  }
}
LANGZOO_VECTOR_CLONES void bounded_cell_backward(const float* saved, const float* c, const float* c_before,
                                                 const float* dm, float* dx, float* dc, float clip, std::int64_t n) {
  bounded_cell_gradient(saved, c, c_before, dm, dx, dc, clip, n);
}

float bound_of(double clip) {
  return clip > 0 ? static_cast<float>(clip) : std::numeric_limits<float>::infinity();
}

/// Rows of a step that one thread takes at least.
std::int64_t rows_a_thread(std::int64_t width) {
  return 1 + 2048 / width;
}

/// A whole sequence as one node of the graph; the gradients of W_hh and W_hr are single products over all steps.
struct BoundedSequence : torch::autograd::Function<BoundedSequence> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;

  static Variables forward(Context* ctx, const Tensor& all_gates, const Tensor& weight_hh,
                           const std::optional<Tensor>& weight_hr, const Tensor& hidden, const Tensor& cell,
                           double cell_clip, double projection_clip) {
    const auto gates = all_gates.contiguous();
    const std::int64_t T = gates.size(0), B = gates.size(1), H = gates.size(2) / 4, P = weight_hh.size(1);
    const auto options = gates.options();
    const auto states = at::empty({T + 1, B, P}, options), cells = at::empty({T + 1, B, H}, options);
    const auto saved = at::empty({T, B, 4 * H}, options);
    const auto outputs = weight_hr ? at::empty({T, B, H}, options) : states.narrow(0, 1, T);  // before the projection
    states[0].copy_(hidden);
    cells[0].copy_(cell);
    const auto* const x = gates.const_data_ptr<float>();
    auto *const kept = saved.data_ptr<float>(), *const c = cells.data_ptr<float>(),
                *const m = outputs.data_ptr<float>();
    const float clip = bound_of(cell_clip);
    StepProduct recurrent(weight_hh, B, T);
    std::optional<StepProduct> projection;
    if (weight_hr) projection.emplace(*weight_hr, B, T);
    for (std::int64_t t = 0; t < T; ++t) {
      const auto share = recurrent(states[t]).contiguous();
      const auto* const r = share.const_data_ptr<float>();
      parallel_for(B, rows_a_thread(4 * H), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const auto at = t * B + b;
          bounded_cell_forward(x + at * 4 * H, r + b * 4 * H, c + at * H, kept + at * 4 * H, c + (at + B) * H,
                               m + at * H, clip, H);
        }
      });
      if (!projection) continue;
      auto after = states[t + 1];
      after.copy_((*projection)(outputs[t]));
      if (projection_clip > 0) after.clamp_(-projection_clip, projection_clip);
    }
    ctx->save_for_backward(
        {weight_hh, weight_hr.value_or(Tensor()), saved, states, cells, weight_hr ? outputs : Tensor()});
    ctx->saved_data["cell_clip"] = cell_clip;
    ctx->saved_data["projection_clip"] = projection_clip;
    ctx->set_materialize_grads(false);
    return {states.narrow(0, 1, T).clone(), states[T].clone(), cells[T].clone()};
  }

  static Variables backward(Context* ctx, Variables gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    const auto variables = ctx->get_saved_variables();
    const auto &weight_hh = variables[0], &weight_hr = variables[1], &saved = variables[2], &states = variables[3],
               &cells = variables[4], &outputs = variables[5];
    const std::int64_t T = saved.size(0), B = saved.size(1), H = cells.size(2), P = states.size(2);
    const auto projection_clip = ctx->saved_data["projection_clip"].toDouble();
    const float clip = bound_of(ctx->saved_data["cell_clip"].toDouble());
    const auto options = saved.options();
    const auto given_or_zeros = [&](const Tensor& gradient, at::IntArrayRef sizes) {
      return gradient.defined() ? gradient.clone(at::MemoryFormat::Contiguous) : at::zeros(sizes, options);
    };
    const auto doutput = given_or_zeros(gradients[0], {T, B, P});  // becomes that of the projected state
    auto through = given_or_zeros(gradients[1], {B, P});
    const auto dcell = given_or_zeros(gradients[2], {B, H}), dgates = at::empty({T, B, 4 * H}, options);
    const auto *const kept = saved.const_data_ptr<float>(), *const c = cells.const_data_ptr<float>();
    auto *const dx = dgates.data_ptr<float>(), *const dc = dcell.data_ptr<float>();
    StepProduct recurrent(weight_hh.t(), B, T);
    std::optional<StepProduct> projection;
    if (weight_hr.defined()) projection.emplace(weight_hr.t(), B, T);
    for (std::int64_t t = T - 1; t >= 0; --t) {
      auto dstate = doutput[t].add_(through);
      Tensor doutputs = dstate;
      if (projection) {
        if (projection_clip > 0) dstate.mul_(states[t + 1].abs().lt(projection_clip));
        doutputs = (*projection)(dstate).contiguous();
      }
      const auto* const dm = doutputs.const_data_ptr<float>();
      parallel_for(B, rows_a_thread(4 * H), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const auto at = t * B + b;
          bounded_cell_backward(kept + at * 4 * H, c + (at + B) * H, c + at * H, dm + b * H, dx + at * 4 * H,
                                dc + b * H, clip, H);
        }
      });
      through = recurrent(dgates[t]);
    }
    const auto rows = dgates.flatten(0, 1);
    Tensor dweight_hh, dweight_hr;
    if (ctx->needs_input_grad(1)) dweight_hh = matmul_2d(rows.t(), states.narrow(0, 0, T).flatten(0, 1));
    if (weight_hr.defined() && ctx->needs_input_grad(2))
      dweight_hr = matmul_2d(doutput.flatten(0, 1).t(), outputs.flatten(0, 1));
    return {dgates, dweight_hh, dweight_hr, through.clone(), dcell, {}, {}};
  }
};

}  // namespace

void ProjectedLstmOptions::validate() const {
  const auto require = [](bool holds, const char* field, auto value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("projected LSTM: ", field, " = ", value, " must be ", rule));
  };
  constexpr std::int64_t kLargest = 1 << 20;
  require(input_size >= 1 && input_size <= kLargest, "input_size", input_size, "between 1 and 2^20");
  require(hidden_size >= 1 && hidden_size <= kLargest, "hidden_size", hidden_size, "between 1 and 2^20");
  require(projection_size >= 0 && projection_size <= kLargest, "projection_size", projection_size,
          "between 0 and 2^20");
  require(cell_clip >= 0, "cell_clip", cell_clip, "0 or more");
  require(projection_clip >= 0, "projection_clip", projection_clip, "0 or more");
}

ProjectedLstmImpl::ProjectedLstmImpl(const ProjectedLstmOptions& options) : options_(options) {
  options_.validate();
  const auto C = options_.input_size, H = options_.hidden_size, P = output_size();
  weight_ih = register_parameter("weight_ih_l0", torch::empty({4 * H, C}));
  weight_hh = register_parameter("weight_hh_l0", torch::empty({4 * H, P}));
  bias = register_parameter("bias_ih_l0", torch::empty({4 * H}));
  if (options_.projection_size > 0) weight_hr = register_parameter("weight_hr_l0", torch::empty({P, H}));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const auto glorot = [](std::int64_t in, std::int64_t out) { return std::sqrt(6.0 / static_cast<double>(in + out)); };
  const double bound = glorot(C + P, 4 * H);
  weight_ih.uniform_(-bound, bound);
  weight_hh.uniform_(-bound, bound);
  bias.zero_().narrow(0, H, H).fill_(1);
  if (weight_hr.defined()) weight_hr.uniform_(-glorot(H, P), glorot(H, P));
}

ProjectedLstmOutput ProjectedLstmImpl::forward(const Tensor& x, const ProjectedLstmState& state) {
  const auto H = options_.hidden_size, P = output_size();
  if (x.dim() != 3 || x.size(0) < 1 || x.size(2) != options_.input_size)
    throw std::invalid_argument(
        c10::str("projected LSTM: the input must be (T,B,", options_.input_size, "), is ", x.sizes()));
  const auto B = x.size(1);
  for (const auto& [part, width] : {std::pair{state.hidden, P}, std::pair{state.cell, H}}) {
    if (part.defined() && part.sizes() != at::IntArrayRef({B, width}))
      throw std::invalid_argument(c10::str("projected LSTM: a state must be (", B, ",", width, "), is ", part.sizes()));
  }
  const bool kernel = x.is_cpu() && weight_hh.scalar_type() == torch::kFloat32;
  const auto gates = affine(x, weight_ih, bias).to(weight_hh.scalar_type());  // (T,B,4H)
  const auto or_zeros = [&](const Tensor& part, std::int64_t width) {
    return part.defined() ? part : at::zeros({B, width}, gates.options());
  };
  const ProjectedLstmState start{or_zeros(state.hidden, P), or_zeros(state.cell, H)};
  if (!kernel) return by_steps(gates, start);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  const auto result =
      BoundedSequence::apply(gates, weight_hh, weight_hr.defined() ? std::optional(weight_hr) : std::nullopt,
                             start.hidden, start.cell, options_.cell_clip, options_.projection_clip);
  return {result[0], {result[1], result[2]}};
}

/// Where the kernel does not run: another device, another type.
ProjectedLstmOutput ProjectedLstmImpl::by_steps(const Tensor& gates, const ProjectedLstmState& start) const {
  auto [h, c] = start;
  std::vector<Tensor> outputs;
  for (const auto& step : gates.unbind(0)) {
    const auto gate = (step + affine(h, weight_hh, {})).chunk(4, 1);
    c = gate[1].sigmoid() * c + gate[0].sigmoid() * gate[2].tanh();
    if (options_.cell_clip > 0) c = c.clamp(-options_.cell_clip, options_.cell_clip);
    h = gate[3].sigmoid() * c.tanh();
    if (weight_hr.defined()) {
      h = affine(h, weight_hr, {});
      if (options_.projection_clip > 0) h = h.clamp(-options_.projection_clip, options_.projection_clip);
    }
    h = h.to(step.scalar_type());
    outputs.push_back(h);
  }
  return {at::stack(outputs), {h, c}};
}

}  // namespace langzoo
