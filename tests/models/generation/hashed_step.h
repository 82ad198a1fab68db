/// A model for tests of searches: next-token logits that are a hash of all tokens a row holds.
#pragma once

#include <cmath>
#include <stdexcept>
#include <vector>

#include "data/random/philox.h"
#include "models/generation/step.h"
#include "tests/support/test.h"

namespace langzoo::test {

using Ids = std::vector<std::int32_t>;

/// Logits of the token after `ids`, between 0 and `spread`.
inline std::vector<float> hashed_logits(const Ids& ids, std::int64_t vocabulary, float spread = 4) {
  std::uint64_t hash = 7;
  for (const auto id : ids) hash = hash * 1000003 + static_cast<std::uint64_t>(id) + 1;
  std::vector<float> logits(vocabulary);
  for (std::int64_t v = 0; v < vocabulary; ++v) {
    logits[v] = spread * static_cast<float>(philox_uniform(hash, static_cast<std::uint64_t>(v), 0, 0));
  }
  return logits;
}

/// Attention of the step after `ids` over a source of `length` positions.
inline std::vector<float> hashed_attention(const Ids& ids, std::int64_t length) {
  auto weights = hashed_logits(ids, length, 6);
  float total = 0;
  for (auto& w : weights) total += w = std::exp(w);
  for (auto& w : weights) w /= total;
  return weights;
}

/// Remembers each row's ids and nothing else: a row is always what its ids say. The source of row b has
/// `source_lengths[b]` positions; none: no attention.
class HashedStep : public StepFunction {
 public:
  HashedStep(const torch::Tensor& mask, std::int64_t vocabulary, std::vector<std::int64_t> source_lengths = {})
      : mask_(mask), vocabulary_(vocabulary), source_lengths_(std::move(source_lengths)) {
    for (const auto n : source_lengths_) longest_ = std::max(longest_, n);
  }

  torch::Tensor step(const torch::Tensor& ids) override {
    const bool first = rows.empty();
    if (first) rows.resize(ids.size(0));
    if (ids.size(0) != std::ssize(rows) || (!first && ids.size(1) != 1)) throw std::logic_error("wrong shape");
    const auto logits = torch::empty({ids.size(0), vocabulary_});
    attention_ = torch::zeros({ids.size(0), longest_});
    for (std::int64_t b = 0; b < ids.size(0); ++b) {
      for (std::int64_t t = 0; t < ids.size(1); ++t) {
        if (!first || mask_[b][t].item<bool>()) rows[b].push_back(ids[b][t].item<std::int32_t>());
      }
      logits[b].copy_(torch::tensor(hashed_logits(rows[b], vocabulary_)));
      if (longest_ == 0) continue;
      attention_[b]
          .narrow(0, 0, source_lengths_[b])
          .copy_(torch::tensor(hashed_attention(rows[b], source_lengths_[b])));
    }
    widths.push_back(ids.size(0));
    return logits;
  }
  void reorder(const torch::Tensor& index) override {
    std::vector<Ids> next;
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = 0; b < index.size(0); ++b) {
      next.push_back(rows.at(index[b].item<std::int64_t>()));
      if (longest_ > 0) lengths.push_back(source_lengths_[index[b].item<std::int64_t>()]);
    }
    rows = std::move(next);
    source_lengths_ = std::move(lengths);
  }
  std::int64_t capacity() const override { return 64; }
  torch::Tensor attention() const override { return longest_ > 0 ? attention_ : torch::Tensor(); }

  std::vector<Ids> rows;
  std::vector<std::int64_t> widths;  ///< rows of each step

 private:
  torch::Tensor mask_, attention_;
  std::int64_t vocabulary_, longest_ = 0;
  std::vector<std::int64_t> source_lengths_;
};

}  // namespace langzoo::test
