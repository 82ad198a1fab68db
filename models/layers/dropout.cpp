#include "models/layers/dropout.h"

#include <algorithm>
#include <mutex>

#include <ATen/CPUGeneratorImpl.h>

#include "models/layers/parallel_for.h"
#include "models/layers/random_bits.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Elements that one random number a lane decides about: its halves belong to neighbouring runs of kLanes.
constexpr std::int64_t kDecided = 2 * kLanes;

struct Dropping {
  std::uint64_t seed;
  std::uint32_t dropped;
};

template <class T>
LANGZOO_INLINE void store_kept(T* to, const T* x, const T* y, const Lanes& factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) store(to[i], (x ? load(x[i]) : 0.0f) + load(y[i]) * factor[i]);
}

/// to = x + y or 0, for elements [begin, end), begin being a multiple of kDecided; x may be null.
template <class T>
LANGZOO_INLINE void drop_loop(const T* x, const T* y, T* to, std::int64_t begin, std::int64_t end,
                              const Dropping& dropping) {
  const float kept = keep_factor(dropping.dropped);
  Words lane;
  for (std::uint32_t i = 0; i < kLanes; ++i) lane[i] = i;
  for (auto i = begin; i < end; i += kDecided) {
    const auto number = static_cast<std::uint64_t>(i / kDecided);
    const auto key = random_key(dropping.seed, number >> 24);  // a key serves 2^24 numbers of each lane
    Words bits;
    random_bits(Words{} + key.first, Words{} + key.second,
                lane + static_cast<std::uint32_t>(number & 0xffffff) * static_cast<std::uint32_t>(kLanes), bits);
    const Lanes low = (bits & 0xffffu) < dropping.dropped ? Lanes{} : Lanes{} + kept;
    const Lanes high = (bits >> 16) < dropping.dropped ? Lanes{} : Lanes{} + kept;
    for (std::int64_t half = 0; half < 2; ++half) {
      const auto at = i + half * kLanes;
      const auto n = end - at < kLanes ? end - at : kLanes;
      if (n == kLanes) {
        store_kept(to + at, x ? x + at : x, y + at, half == 0 ? low : high, kLanes);
      } else {
        store_kept(to + at, x ? x + at : x, y + at, half == 0 ? low : high, n);
      }
    }
  }
}

LANGZOO_VECTOR_CLONES void drop_range(const float* x, const float* y, float* to, std::int64_t begin, std::int64_t end,
                                      const Dropping& dropping) {
  x ? drop_loop(x, y, to, begin, end, dropping) : drop_loop<float>(nullptr, y, to, begin, end, dropping);
}
LANGZOO_VECTOR_CLONES void drop_range(const std::uint16_t* x, const std::uint16_t* y, std::uint16_t* to,
                                      std::int64_t begin, std::int64_t end, const Dropping& dropping) {
  x ? drop_loop(x, y, to, begin, end, dropping) : drop_loop<std::uint16_t>(nullptr, y, to, begin, end, dropping);
}

template <class T>
void drop_all(const Tensor& x, const Tensor& y, const Tensor& to, const Dropping& dropping) {
  const auto n = y.numel();
  const auto* const added = x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
  parallel_for((n + kDecided - 1) / kDecided, 512, [&](std::int64_t begin, std::int64_t end) {
    drop_range(added, static_cast<const T*>(y.const_data_ptr()), static_cast<T*>(to.data_ptr()), begin * kDecided,
               std::min(n, end * kDecided), dropping);
  });
}

/// x + dropped y, where x is undefined y alone; all contiguous.
Tensor drop(const Tensor& x, const Tensor& y, const Dropping& dropping) {
  const auto to = torch::empty(y.sizes(), y.options().requires_grad(false));
  y.scalar_type() == torch::kFloat32 ? drop_all<float>(x, y, to, dropping)
                                     : drop_all<std::uint16_t>(x, y, to, dropping);
  return to;
}

struct AddDropped : torch::autograd::Function<AddDropped> {
  static Tensor forward(AutogradContext* ctx, const std::optional<Tensor>& x, const Tensor& y, std::int64_t seed,
                        std::int64_t dropped) {
    ctx->saved_data["added"] = x.has_value();
    ctx->saved_data["seed"] = seed;
    ctx->saved_data["dropped"] = dropped;
    return drop(x ? x->contiguous() : Tensor(), y.contiguous(),
                {static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(dropped)});
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Dropping dropping{static_cast<std::uint64_t>(ctx->saved_data["seed"].toInt()),
                            static_cast<std::uint32_t>(ctx->saved_data["dropped"].toInt())};
    return {ctx->saved_data["added"].toBool() ? grads[0] : Tensor(), drop({}, grads[0].contiguous(), dropping),
            Tensor(), Tensor()};
  }
};

bool is_own(const Tensor& y, double p) {
  return y.is_cpu() && (y.scalar_type() == torch::kFloat32 || y.scalar_type() == torch::kBFloat16) && p < 1;
}

Tensor apply(const std::optional<Tensor>& x, const Tensor& y, double p) {
  return AddDropped::apply(x, y, static_cast<std::int64_t>(draw_seed()), static_cast<std::int64_t>(dropped_parts(p)));
}

}  // namespace

Tensor dropped(const Tensor& x, double p, bool training) {
  if (!training || p == 0) return x;
  return is_own(x, p) ? apply(std::nullopt, x, p) : at::dropout(x, p, training);
}

Tensor add_dropped(const Tensor& x, const Tensor& y, double p, bool training) {
  if (!training || p == 0) return x + y;
  const bool alike = x.is_cpu() && x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes();
  return is_own(y, p) && alike ? apply(x, y, p) : x + dropped(y, p, training);
}

Tensor locked_dropped(const Tensor& x, double p, bool training) {
  if (!training || p == 0) return x;
  const auto mask = at::empty({1, x.size(1), x.size(2)}, x.options().requires_grad(false));
  return x * mask.bernoulli_(1.0 - p).div_(1.0 - p);
}

std::uint64_t draw_seed() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

}  // namespace langzoo
