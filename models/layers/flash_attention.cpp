#include "models/layers/flash_attention.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "models/layers/dropout.h"
#include "models/layers/flash_kernel.h"
#include "models/layers/parallel_for.h"
#include "models/layers/random_bits.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Multiplications that one thread does at least.
constexpr std::int64_t kProductsPerThread = 1 << 17;

/// The calling thread's memory to work in, kept for the next call.
float* scratch(std::int64_t floats) {
  constexpr std::int64_t kAlignment = 64 / sizeof(float);
  static thread_local std::vector<float> memory;
  if (std::ssize(memory) < floats + kAlignment) memory.resize(static_cast<std::size_t>(floats + kAlignment));
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return memory.data() + (64 - address % 64) % 64 / sizeof(float);
}

/// Where rows of a batch, padded (B,H,T,K) or packed (1,H,N,K), have their tokens.
class RowPlaces {
 public:
  RowPlaces(const Tensor& x, const Tensor& cu_seqlens)
      : ends_(cu_seqlens.defined() ? cu_seqlens.const_data_ptr<std::int64_t>() : nullptr),
        batch_(ends_ ? cu_seqlens.size(0) - 1 : x.size(0)),
        length_(x.size(2)) {}

  std::int64_t batch() const { return batch_; }
  std::int64_t length(std::int64_t b) const { return ends_ ? ends_[b + 1] - ends_[b] : length_; }
  /// The number of row b's first token among those of all rows.
  std::int64_t first(std::int64_t b) const { return ends_ ? ends_[b] : b * length_; }
  std::int64_t longest() const {
    std::int64_t most = 0;
    for (std::int64_t b = 0; b < batch_; ++b) most = std::max(most, length(b));
    return most;
  }

  template <class T>
  HeadRows<T> head(const Tensor& x, std::int64_t b, std::int64_t h) const {
    auto* const data = static_cast<std::remove_const_t<T>*>(x.data_ptr());
    return {data + (ends_ ? ends_[b] * x.stride(2) : b * x.stride(0)) + h * x.stride(1), x.stride(2)};
  }

 private:
  const std::int64_t* ends_;
  std::int64_t batch_, length_;
};

/// Everything but the tensors.
struct Settings {
  double scale;
  bool causal;
  std::int64_t window;
  std::uint32_t dropped;  ///< of 65,536
  std::uint64_t seed;
};

struct Problem {
  Tensor q, k, v, bias;
  RowPlaces queries, keys;
  Settings settings;
  Tensor out, normalisers;  ///< as q; (tokens of all rows, H, 2) float32

  std::int64_t heads() const { return q.size(1); }
  std::int64_t products(std::int64_t b) const { return queries.length(b) * keys.length(b) * q.size(3); }

  template <class T>
  FlashHead<T> head(std::int64_t b, std::int64_t h) const {
    FlashHead<T> head{.q = queries.head<const T>(q, b, h),
                      .k = keys.head<const T>(k, b, h),
                      .v = keys.head<const T>(v, b, h),
                      .queries = queries.length(b),
                      .keys = keys.length(b),
                      .width = q.size(3),
                      .scale = static_cast<float>(settings.scale),
                      .causal = settings.causal,
                      .window = settings.window,
                      .dropped = settings.dropped,
                      .seed = settings.seed,
                      .out = queries.head<T>(out, b, h)};
    if (bias.defined()) {
      head.bias = bias.const_data_ptr<float>() + of(bias, 0, b) + of(bias, 1, h);
      head.bias_query_stride = bias.size(2) > 1 ? bias.stride(2) : 0;
    }
    const auto first = queries.first(b) * heads() + h;
    head.first_query = static_cast<std::uint64_t>(queries.first(b) + h * q.size(0) * q.size(2));
    head.normalisers = static_cast<Normaliser*>(normalisers.data_ptr()) + first;
    head.normaliser_stride = heads();
    return head;
  }

  /// Row or head i of a tensor that may have one for all.
  static std::int64_t of(const Tensor& x, std::int64_t dim, std::int64_t i) {
    return x.size(dim) > 1 ? i * x.stride(dim) : 0;
  }
};

/// Four dimensions, float32, and the biases of all S keys side by side. Shapes: (B|1,H|1,T|1,S).
Tensor as_kernel_bias(const Tensor& bias, std::int64_t batch, std::int64_t heads, std::int64_t queries,
                      std::int64_t keys) {
  if (!bias.defined()) return {};
  auto x = bias.detach().to(torch::kFloat32);
  while (x.dim() < 4) x = x.unsqueeze(0);
  const auto fits = [&](std::int64_t dim, std::int64_t size) { return x.size(dim) == 1 || x.size(dim) == size; };
  TORCH_CHECK(fits(0, batch) && fits(1, heads) && fits(2, queries) && fits(3, keys), "flash_attention: the bias ",
              bias.sizes(), " is not broadcastable to [", batch, ", ", heads, ", ", queries, ", ", keys, "]");
  x = x.expand({-1, -1, -1, keys});
  return x.stride(3) == 1 || keys == 1 ? x : x.contiguous();
}

Tensor with_plain_rows(const Tensor& x) {
  return x.stride(3) == 1 || x.size(3) == 1 ? x : x.contiguous();
}

template <class T>
void run_forward(const Problem& problem) {
  const auto heads = problem.heads(), batch = problem.queries.batch(), width = problem.q.size(3);
  // The blocks of all heads one behind the other.
  std::vector<std::int64_t> first_block{0};
  for (std::int64_t i = 0; i < batch * heads; ++i) {
    first_block.push_back(first_block.back() + (problem.queries.length(i / heads) + kFlashQueries - 1) / kFlashQueries);
  }
  const auto longest = problem.keys.longest();
  const auto floats = flash_scratch(problem.queries.longest(), longest, width, /*backward=*/false);
  const auto grain = 1 + kProductsPerThread / (kFlashQueries * std::max<std::int64_t>(1, longest * width));
  parallel_for(first_block.back(), grain, [&](std::int64_t begin, std::int64_t end) {
    auto* const memory = scratch(floats);
    auto i = std::upper_bound(first_block.begin(), first_block.end(), begin) - first_block.begin() - 1;
    for (; begin < end; begin = first_block[++i]) {
      const auto head = problem.head<T>(i / heads, i % heads);
      const auto last = std::min(head.queries, (std::min(end, first_block[i + 1]) - first_block[i]) * kFlashQueries);
      flash_forward(head, (begin - first_block[i]) * kFlashQueries, last, memory);
    }
  });
}

struct Gradients {
  Tensor d_out, dq, dk, dv, d_bias;  ///< d_bias (B|1,H|1,S,T)
};

template <class T>
void run_backward(const Problem& problem, const Gradients& gradients) {
  const auto& d_bias = gradients.d_bias;
  const auto heads = problem.heads(), batch = problem.queries.batch(), width = problem.q.size(3);
  // Heads that add to one gradient of the bias follow each other on one thread.
  const auto bias_batch = d_bias.defined() ? d_bias.size(0) : batch,
             bias_heads = d_bias.defined() ? d_bias.size(1) : heads;
  std::int64_t products = 0;
  for (std::int64_t b = 0; b < batch; ++b) products += problem.products(b) * heads;
  const auto groups = bias_batch * bias_heads;
  const auto grain = 1 + kProductsPerThread * groups / std::max<std::int64_t>(1, products);
  const auto floats = flash_scratch(problem.queries.longest(), problem.keys.longest(), width, /*backward=*/true);
  parallel_for(groups, grain, [&](std::int64_t begin, std::int64_t end) {
    auto* const memory = scratch(floats);
    for (auto group = begin; group < end; ++group) {
      const auto first_row = bias_batch == 1 ? 0 : group / bias_heads,
                 first_head = bias_heads == 1 ? 0 : group % bias_heads;
      const auto last_row = bias_batch == 1 ? batch : first_row + 1,
                 last_head = bias_heads == 1 ? heads : first_head + 1;
      for (auto b = first_row; b < last_row; ++b) {
        for (auto h = first_head; h < last_head; ++h) {
          auto head = problem.head<T>(b, h);
          head.d_out = problem.queries.head<const T>(gradients.d_out, b, h);
          head.dq = problem.queries.head<T>(gradients.dq, b, h);
          head.dk = problem.keys.head<T>(gradients.dk, b, h);
          head.dv = problem.keys.head<T>(gradients.dv, b, h);
          if (d_bias.defined()) {
            head.d_bias = d_bias.data_ptr<float>() + group * d_bias.stride(1);
            head.d_bias_stride = d_bias.stride(2);
          }
          flash_backward(head, memory);
        }
      }
    }
  });
}

/// As x is shaped, heads of one token side by side.
Tensor like_heads(const Tensor& x) {
  return torch::empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x.options().requires_grad(false)).transpose(1, 2);
}

struct FlashAttention : torch::autograd::Function<FlashAttention> {
  static Tensor forward(AutogradContext* ctx, const Tensor& q0, const Tensor& k0, const Tensor& v0,
                        const std::optional<Tensor>& bias, const std::optional<Tensor>& cu_seqlens,
                        const std::optional<Tensor>& cu_seqlens_keys, const Settings& settings) {
    const auto q = with_plain_rows(q0), k = with_plain_rows(k0), v = with_plain_rows(v0);
    const variable_list given{q,
                              k,
                              v,
                              value(bias),
                              value(cu_seqlens),
                              value(cu_seqlens_keys),
                              like_heads(q),
                              torch::empty({q.size(0) * q.size(2), q.size(1), 2}, torch::kFloat32)};
    const Problem problem = make(given, settings);
    q.scalar_type() == torch::kFloat32 ? run_forward<float>(problem) : run_forward<std::uint16_t>(problem);
    ctx->save_for_backward(given);
    ctx->saved_data["scale"] = settings.scale;
    ctx->saved_data["causal"] = settings.causal;
    ctx->saved_data["window"] = settings.window;
    ctx->saved_data["dropped"] = static_cast<std::int64_t>(settings.dropped);
    ctx->saved_data["seed"] = static_cast<std::int64_t>(settings.seed);
    return problem.out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &bias = saved[3];
    auto& data = ctx->saved_data;
    const Settings settings{data["scale"].toDouble(), data["causal"].toBool(), data["window"].toInt(),
                            static_cast<std::uint32_t>(data["dropped"].toInt()),
                            static_cast<std::uint64_t>(data["seed"].toInt())};
    const Problem problem = make(saved, settings);
    Gradients gradients{with_plain_rows(grads[0].to(q.scalar_type())), like_heads(q), like_heads(k), like_heads(v), {}};
    if (bias.defined() && ctx->needs_input_grad(3)) {
      gradients.d_bias =
          torch::zeros({problem.bias.size(0), problem.bias.size(1), problem.keys.longest(), problem.queries.longest()},
                       torch::kFloat32);
    }
    q.scalar_type() == torch::kFloat32 ? run_backward<float>(problem, gradients)
                                       : run_backward<std::uint16_t>(problem, gradients);
    variable_list result(7);
    result[0] = gradients.dq, result[1] = gradients.dk, result[2] = gradients.dv;
    if (gradients.d_bias.defined()) {
      const auto d_bias = gradients.d_bias.transpose(2, 3);  // (B|1,H|1,T,S)
      result[3] = at::sum_to(d_bias, bias.sizes()).to(bias.scalar_type());
    }
    return result;
  }

 private:
  static Tensor value(const std::optional<Tensor>& x) { return x.value_or(Tensor()); }

  /// Of what is kept for the backward pass: q, k, v, bias, cu_seqlens, cu_seqlens_keys, output, normalisers.
  static Problem make(const variable_list& x, const Settings& settings) {
    const RowPlaces queries(x[0], x[4]), keys(x[1], x[5]);
    const auto bias = as_kernel_bias(x[3], queries.batch(), x[0].size(1), queries.longest(), keys.longest());
    return {x[0], x[1], x[2], bias, queries, keys, settings, x[6], x[7]};
  }
};

}  // namespace

bool is_flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttendOptions& options) {
  const auto dtype = q.scalar_type();
  const auto fits = [&](const Tensor& x) {
    return x.is_cpu() && x.scalar_type() == dtype && x.dim() == 4 && x.numel() > 0 && x.size(0) == q.size(0) &&
           x.size(1) == q.size(1) && x.size(3) == q.size(3);
  };
  const auto& bias = options.bias;
  return (dtype == torch::kFloat32 || dtype == torch::kBFloat16) && fits(q) && fits(k) && fits(v) &&
         k.size(2) == v.size(2) && options.dropout < 1 && !options.want_weights &&
         (!bias.defined() || (bias.is_cpu() && bias.dim() <= 4 && bias.is_floating_point()));
}

Tensor flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttendOptions& options) {
  TORCH_CHECK(is_flash_attention(q, k, v, options), "flash_attention: q ", q.sizes(), ", k ", k.sizes(), " or v ",
              v.sizes(), " does not fit");
  const auto dropped = dropped_parts(options.dropout);
  const Settings settings{options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3)))), options.causal,
                          std::min(options.window, q.size(2) + k.size(2)), static_cast<std::uint32_t>(dropped),
                          dropped > 0 ? draw_seed() : 0};
  const auto& keys = options.cu_seqlens_keys.defined() ? options.cu_seqlens_keys : options.cu_seqlens;
  const auto given = [](const Tensor& x) { return x.defined() ? std::optional(x) : std::nullopt; };
  return FlashAttention::apply(q, k, v, given(options.bias), given(options.cu_seqlens), given(keys), settings);
}

}  // namespace langzoo
