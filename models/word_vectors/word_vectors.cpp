#include "models/word_vectors/word_vectors.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/mv.h>
#include <fmt/format.h>

#include "data/files/escaped.h"

namespace langzoo {

namespace {

constexpr std::string_view kSentenceEndWord = "</s>";

/// In float64 the squares of float32 values neither overflow nor vanish.
double dot(const float* a, const float* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

/// Shapes: rows (V,C) -> (V,C), of length 1 or zero.
torch::Tensor unit_rows(const torch::Tensor& rows) {
  auto units = at::empty_like(rows);
  const auto dim = rows.size(1);
  const float* from = rows.const_data_ptr<float>();
  float* to = units.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < rows.size(0); ++row, from += dim, to += dim) {
    const double length = std::sqrt(dot(from, from, dim));
    const double scale = length > 0 ? 1 / length : 0;
    for (std::int64_t i = 0; i < dim; ++i) to[i] = static_cast<float>(from[i] * scale);
  }
  return units;
}

}  // namespace

WordVectors::WordVectors(std::vector<std::string> words, torch::Tensor vectors,
                         std::shared_ptr<const OutOfVocabulary> out_of_vocabulary)
    : words_(std::move(words)),
      out_of_vocabulary_(std::move(out_of_vocabulary)),
      normalized_(std::make_shared<Normalized>()) {
  if (!vectors.defined() || vectors.dim() != 2 || vectors.scalar_type() != torch::kFloat32 || !vectors.is_cpu() ||
      vectors.size(0) != static_cast<std::int64_t>(words_.size())) {
    throw std::invalid_argument(
        fmt::format("{} words need vectors of shape ({}, C), float32, on the CPU", words_.size(), words_.size()));
  }
  vectors_ = vectors.detach().contiguous();
  const auto twice = index_.add_all(words_);
  if (twice >= 0) throw std::invalid_argument(escaped(words_[static_cast<std::size_t>(twice)]) + ": is given twice");
  const float* value = vectors_.const_data_ptr<float>();
  for (const auto& word : words_) {
    for (std::int64_t i = 0; i < dim(); ++i, ++value) {
      if (!std::isfinite(*value))
        throw std::invalid_argument(fmt::format("{}: value {} is {}", escaped(word), i + 1, *value));
    }
  }
}

const torch::Tensor& WordVectors::normalized() const {
  std::call_once(normalized_->once, [&] { normalized_->rows = unit_rows(vectors_); });
  return normalized_->rows;
}

std::int64_t WordVectors::find(std::string_view word) const {
  return index_.find(words_, word);
}

std::optional<torch::Tensor> WordVectors::vector(std::string_view word) const {
  const auto row = find(word);
  if (row >= 0) return vectors_[row];
  if (!out_of_vocabulary_) return std::nullopt;
  auto composed = out_of_vocabulary_->vector(word);
  if (!composed.defined()) return std::nullopt;
  return composed;
}

std::optional<double> WordVectors::similarity(std::string_view a, std::string_view b) const {
  const auto x = vector(a), y = vector(b);
  if (!x || !y) return std::nullopt;
  return cosine(*x, *y);
}

std::vector<Neighbor> WordVectors::nearest(const torch::Tensor& query, std::int64_t n,
                                           const std::vector<std::string>& without) const {
  if (query.dim() != 1 || query.size(0) != dim() || query.scalar_type() != torch::kFloat32) {
    throw std::invalid_argument(fmt::format("the query is no float32 vector of {} values", dim()));
  }
  const auto unit = unit_rows(query.detach().cpu().contiguous().unsqueeze(0)).squeeze(0);
  if (!unit.isfinite().all().item<bool>()) throw std::invalid_argument("the query is not finite");
  const auto similarities = at::mv(normalized(), unit);
  const float* similarity = similarities.const_data_ptr<float>();

  std::vector<bool> left_out(words_.size());
  const auto leave_out = [&](std::string_view word) {
    if (const auto row = find(word); row >= 0) left_out[static_cast<std::size_t>(row)] = true;
  };
  leave_out(kSentenceEndWord);
  for (const auto& word : without) leave_out(word);
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < words_.size(); ++row) {
    if (!left_out[row]) rows.push_back(row);
  }
  const auto count = std::clamp<std::int64_t>(n, 0, static_cast<std::int64_t>(rows.size()));
  std::partial_sort(rows.begin(), rows.begin() + count, rows.end(), [&](std::size_t a, std::size_t b) {
    return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
  });
  std::vector<Neighbor> nearest;
  for (auto row = rows.begin(); row != rows.begin() + count; ++row) nearest.push_back({words_[*row], similarity[*row]});
  return nearest;
}

double cosine(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a.contiguous(), y = b.contiguous();
  const auto *p = x.const_data_ptr<float>(), *q = y.const_data_ptr<float>();
  const auto n = x.numel();
  const double lengths = std::sqrt(dot(p, p, n)) * std::sqrt(dot(q, q, n));
  return lengths > 0 ? dot(p, q, n) / lengths : 0;
}

}  // namespace langzoo
