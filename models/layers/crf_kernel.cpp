#include "models/layers/crf_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

constexpr std::int64_t kBlock = 8;
using Doubles = double __attribute__((vector_size(kBlock * sizeof(double))));

/// In by_scaling() a label that only one other may precede has a sum of e^-2 spread at least: far from 1e-308.
constexpr double kMostSpread = 300;
/// exp_approx() is exact to 2 ulp there.
constexpr float kFloatSpread = 80;

LANGZOO_INLINE std::size_t slot(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// y = x M. Shapes: x (n), M (n,width), y (width), width a multiple of kBlock.
LANGZOO_VECTOR_CLONES void row_times_matrix(double* y, const double* x, const double* matrix, std::int64_t n,
                                            std::int64_t width) {
  for (std::int64_t j = 0; j < width; j += kBlock) {
    Doubles sum = {};
    for (std::int64_t i = 0; i < n; ++i) {
      Doubles row;
      std::memcpy(&row, matrix + i * width + j, sizeof(row));
      sum += x[i] * row;
    }
    std::memcpy(y + j, &sum, sizeof(sum));
  }
}

/// M += x^T y.
LANGZOO_VECTOR_CLONES void add_outer(double* matrix, const double* x, const double* y, std::int64_t n,
                                     std::int64_t width) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < width; ++j) matrix[i * width + j] += x[i] * y[j];
  }
}

/// e^(row - largest) of a row whose numbers are not far apart.
LANGZOO_VECTOR_CLONES void shifted_exponentials(double* to, const float* row, float largest, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) to[j] = static_cast<double>(exp_approx(row[j] - largest));
}

/// y_j = x_j e_j, returns their sum.
LANGZOO_VECTOR_CLONES double multiply_and_sum(double* y, const double* e, std::int64_t width) {
  Doubles sum = {};
  for (std::int64_t j = 0; j < width; j += kBlock) {
    Doubles a, b;
    std::memcpy(&a, y + j, sizeof(a));
    std::memcpy(&b, e + j, sizeof(b));
    a *= b;
    std::memcpy(y + j, &a, sizeof(a));
    sum += a;
  }
  double total = 0;
  for (std::int64_t k = 0; k < kBlock; ++k) total += sum[k];
  return total;
}

LANGZOO_VECTOR_CLONES void scale_row(double* y, double by, std::int64_t width) {
  for (std::int64_t j = 0; j < width; ++j) y[j] *= by;
}

/// best_j = max_i (x_i + A_ij), from_j the first i that has it.
LANGZOO_VECTOR_CLONES void best_before(double* best, std::int32_t* from, const double* x, const float* transitions,
                                       std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) best[j] = x[0] + static_cast<double>(transitions[j]), from[j] = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    const float* const row = transitions + i * n;
    for (std::int64_t j = 0; j < n; ++j) {
      const double score = x[i] + static_cast<double>(row[j]);
      from[j] = score > best[j] ? static_cast<std::int32_t>(i) : from[j];
      best[j] = score > best[j] ? score : best[j];
    }
  }
}

/// ln sum e^x, -inf of none.
template <class Score>
double log_sum_exp(std::int64_t n, const Score& score) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, score(i));
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(score(i) - largest);
  return largest + std::log(sum);
}

}  // namespace

CrfKernel::CrfKernel(const float* transitions, const float* start, const float* end, std::int64_t labels)
    : transitions_(transitions),
      start_(start),
      end_(end),
      labels_(labels),
      padded_((labels + kBlock - 1) / kBlock * kBlock) {
  const auto largest_of = [](const float* from, std::int64_t n) {
    return static_cast<double>(*std::max_element(from, from + n));
  };
  largest_ = largest_of(transitions, labels * labels);
  largest_start_ = largest_of(start, labels);
  largest_end_ = largest_of(end, labels);
  const auto spread_of = [](const float* from, std::int64_t n, double largest) {
    double spread = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double below = largest - static_cast<double>(from[i]);
      if (!(below >= kCrfForbidden)) spread = std::max(spread, below);
      if (!std::isfinite(below)) spread = std::numeric_limits<double>::infinity();
    }
    return spread;
  };
  spread_ = std::max({spread_of(transitions, labels * labels, largest_), spread_of(start, labels, largest_start_),
                      spread_of(end, labels, largest_end_)});
  exp_transitions_.resize(slot(labels * padded_));
  exp_transposed_.resize(slot(labels * padded_));
  exp_start_.resize(slot(padded_));
  exp_end_.resize(slot(padded_));
  for (std::int64_t i = 0; i < labels; ++i) {
    exp_start_[slot(i)] = std::exp(static_cast<double>(start[i]) - largest_start_);
    exp_end_[slot(i)] = std::exp(static_cast<double>(end[i]) - largest_end_);
    for (std::int64_t j = 0; j < labels; ++j) {
      const double weight = std::exp(static_cast<double>(transitions[i * labels + j]) - largest_);
      exp_transitions_[slot(i * padded_ + j)] = exp_transposed_[slot(j * padded_ + i)] = weight;
    }
  }
}

bool CrfKernel::may_scale(std::span<const float* const> rows) const {
  for (const auto* const row : rows) {
    const auto [least, most] = std::minmax_element(row, row + labels_);
    const double spread = static_cast<double>(*most) - static_cast<double>(*least);
    if (!(spread + spread_ <= kMostSpread)) return false;  // NaN neither
  }
  return true;
}

double CrfKernel::log_partition(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                                Workspace& work) const {
  if (may_scale(rows)) {
    const double log_z = by_scaling(rows, marginals, counts, work);
    if (std::isfinite(log_z)) return log_z;
  }
  return by_logarithms(rows, marginals, counts, work);
}

double CrfKernel::by_scaling(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                             Workspace& work) const {
  const auto T = static_cast<std::int64_t>(rows.size()), N = labels_, W = padded_;
  auto& [emissions, forward, backward, scales, next, outer] = work;
  emissions.assign(slot(T * W), 0);
  forward.resize(slot(T * W));
  scales.resize(slot(T));
  double log_z = largest_start_ + largest_end_ + static_cast<double>(T - 1) * largest_;
  for (std::int64_t t = 0; t < T; ++t) {
    const auto* const row = rows[slot(t)];
    const auto [least, most] = std::minmax_element(row, row + N);
    auto* const to = &emissions[slot(t * W)];
    if (*most - *least <= kFloatSpread) {
      shifted_exponentials(to, row, *most, N);
    } else {
      for (std::int64_t j = 0; j < N; ++j) to[j] = std::exp(static_cast<double>(row[j]) - static_cast<double>(*most));
    }
    auto* const sums = &forward[slot(t * W)];
    if (t == 0) {
      std::copy(exp_start_.begin(), exp_start_.end(), sums);
    } else {
      row_times_matrix(sums, &forward[slot((t - 1) * W)], exp_transitions_.data(), N, W);
    }
    const double total = multiply_and_sum(sums, to, W);
    if (!(total > 0)) return -std::numeric_limits<double>::infinity();
    scale_row(sums, 1 / total, W);
    scales[slot(t)] = total;
    log_z += static_cast<double>(*most) + std::log(total);
  }
  const auto* const last = &forward[slot((T - 1) * W)];
  double total = 0;
  for (std::int64_t j = 0; j < N; ++j) total += last[j] * exp_end_[slot(j)];
  if (!(total > 0)) return -std::numeric_limits<double>::infinity();
  log_z += std::log(total);
  if (marginals.empty()) return log_z;

  // backward_t[i] = what follows token t with label i, in units that make forward_t . backward_t = 1.
  backward.assign(exp_end_.begin(), exp_end_.end());
  scale_row(backward.data(), 1 / total, W);
  next.resize(slot(W));
  outer.assign(slot(N * W), 0);
  for (std::int64_t t = T - 1;; --t) {
    const auto* const sums = &forward[slot(t * W)];
    auto* const to = marginals[slot(t)];
    for (std::int64_t j = 0; j < N; ++j) to[j] += static_cast<float>(sums[j] * backward[slot(j)]);
    if (t == T - 1 && counts != nullptr) {
      for (std::int64_t j = 0; j < N; ++j) counts->end[slot(j)] += sums[j] * backward[slot(j)];
    }
    if (t == 0) {
      for (std::int64_t j = 0; counts != nullptr && j < N; ++j) counts->start[slot(j)] += sums[j] * backward[slot(j)];
      break;
    }
    multiply_and_sum(backward.data(), &emissions[slot(t * W)], W);
    scale_row(backward.data(), 1 / scales[slot(t)], W);
    if (counts != nullptr) add_outer(outer.data(), &forward[slot((t - 1) * W)], backward.data(), N, W);
    row_times_matrix(next.data(), backward.data(), exp_transposed_.data(), N, W);
    std::swap(next, backward);
  }
  for (std::int64_t i = 0; counts != nullptr && i < N; ++i) {
    for (std::int64_t j = 0; j < N; ++j) {
      counts->transitions[slot(i * N + j)] += outer[slot(i * W + j)] * exp_transitions_[slot(i * W + j)];
    }
  }
  return log_z;
}

double CrfKernel::by_logarithms(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                                Workspace& work) const {
  const auto T = static_cast<std::int64_t>(rows.size()), N = labels_;
  const auto from_to = [&](std::int64_t i, std::int64_t j) { return static_cast<double>(transitions_[i * N + j]); };
  const auto score = [&](std::int64_t t, std::int64_t j) { return static_cast<double>(rows[slot(t)][j]); };
  auto &forward = work.forward, &backward = work.backward;
  forward.resize(slot(T * N));
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t j = 0; j < N; ++j) {
      const double before =
          t == 0 ? static_cast<double>(start_[j])
                 : log_sum_exp(N, [&](std::int64_t i) { return forward[slot((t - 1) * N + i)] + from_to(i, j); });
      forward[slot(t * N + j)] = before + score(t, j);
    }
  }
  const double log_z =
      log_sum_exp(N, [&](std::int64_t j) { return forward[slot((T - 1) * N + j)] + static_cast<double>(end_[j]); });
  if (marginals.empty()) return log_z;
  backward.resize(slot(T * N));
  for (std::int64_t t = T - 1; t >= 0; --t) {
    for (std::int64_t i = 0; i < N; ++i) {
      backward[slot(t * N + i)] = t == T - 1 ? static_cast<double>(end_[i]) : log_sum_exp(N, [&](std::int64_t j) {
        return from_to(i, j) + score(t + 1, j) + backward[slot((t + 1) * N + j)];
      });
      const double p = std::exp(forward[slot(t * N + i)] + backward[slot(t * N + i)] - log_z);
      marginals[slot(t)][i] += static_cast<float>(p);
      if (counts == nullptr) continue;
      if (t == 0) counts->start[slot(i)] += p;
      if (t == T - 1) counts->end[slot(i)] += p;
      for (std::int64_t j = 0; t < T - 1 && j < N; ++j) {
        counts->transitions[slot(i * N + j)] += std::exp(forward[slot(t * N + i)] + from_to(i, j) + score(t + 1, j) +
                                                         backward[slot((t + 1) * N + j)] - log_z);
      }
    }
  }
  return log_z;
}

double CrfKernel::score(std::span<const float* const> rows, std::span<const std::int64_t> path) const {
  double score = static_cast<double>(start_[path.front()]) + static_cast<double>(end_[path.back()]);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    score += static_cast<double>(rows[t][path[t]]);
    if (t > 0) score += static_cast<double>(transitions_[path[t - 1] * labels_ + path[t]]);
  }
  return score;
}

std::vector<std::int64_t> CrfKernel::best(std::span<const float* const> rows) const {
  const auto T = static_cast<std::int64_t>(rows.size()), N = labels_;
  std::vector<double> scores(slot(N)), before(slot(N));
  std::vector<std::int32_t> from(slot(T * N));
  for (std::int64_t t = 0; t < T; ++t) {
    if (t == 0) {
      std::copy(start_, start_ + N, scores.begin());
    } else {
      std::swap(scores, before);
      best_before(scores.data(), &from[slot(t * N)], before.data(), transitions_, N);
    }
    for (std::int64_t j = 0; j < N; ++j) scores[slot(j)] += static_cast<double>(rows[slot(t)][j]);
  }
  for (std::int64_t j = 0; j < N; ++j) scores[slot(j)] += static_cast<double>(end_[j]);
  std::vector<std::int64_t> path(slot(T));
  path.back() = std::max_element(scores.begin(), scores.end()) - scores.begin();
  for (std::int64_t t = T - 1; t > 0; --t) path[slot(t - 1)] = from[slot(t * N + path[slot(t)])];
  return path;
}

}  // namespace langzoo
