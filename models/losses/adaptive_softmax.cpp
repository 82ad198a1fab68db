#include "models/losses/adaptive_softmax.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/nested.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void AdaptiveSoftmaxOptions::validate() const {
  const auto require = [](bool holds, const char* field, auto value, const std::string& rule) {
    if (!holds) throw std::invalid_argument(c10::str("adaptive softmax: ", field, " = ", value, " must be ", rule));
  };
  require(width >= 1, "width", width, "positive");
  require(vocabulary >= 2, "vocabulary", vocabulary, "at least 2");
  require(!cutoffs.empty(), "the number of cutoffs", cutoffs.size(), "at least 1");
  std::int64_t last = 0;
  for (const auto cutoff : cutoffs) {
    require(cutoff > last, "a cutoff", cutoff, c10::str("above ", last, last == 0 ? "" : ", the one before it"));
    require(cutoff < vocabulary, "a cutoff", cutoff, c10::str("below the vocabulary's ", vocabulary));
    last = cutoff;
  }
  require(div_value >= 1 && std::isfinite(div_value), "div_value", div_value, "1 or more");
  const double narrowest = static_cast<double>(width) / std::pow(div_value, static_cast<double>(cutoffs.size()));
  require(narrowest >= 1, "width", width,
          c10::str("larger, or the cutoffs fewer: with a div_value of ", div_value, " cluster ", cutoffs.size(),
                   " has no width left"));
}

AdaptiveSoftmaxImpl::AdaptiveSoftmaxImpl(const AdaptiveSoftmaxOptions& options) : options_(options) {
  options_.validate();
  const auto clusters = options_.cutoffs.size();
  head = register_module(
      "head", Linear(options_.width, short_list() + static_cast<std::int64_t>(clusters), options_.head_bias));
  for (std::size_t i = 0; i < clusters; ++i) {
    const auto width = static_cast<std::int64_t>(
        std::floor(static_cast<double>(options_.width) / std::pow(options_.div_value, static_cast<double>(i + 1))));
    inner.push_back(register_nested(*this, c10::str("tail.", i, ".0"), Linear(options_.width, width, false)));
    outer.push_back(
        register_nested(*this, c10::str("tail.", i, ".1"), Linear(width, cluster_end(i) - cluster_begin(i), false)));
  }
}

Tensor AdaptiveSoftmaxImpl::loss_sum(const Tensor& hidden, const Tensor& targets) {
  const auto counted = targets.ne(-100);
  if (counted.logical_and(targets.lt(0).logical_or(targets.ge(options_.vocabulary))).any().item<bool>())
    throw std::invalid_argument(c10::str("adaptive softmax: a target is outside [0, ", options_.vocabulary, ")"));
  auto of_head = targets;
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto inside = targets.ge(cluster_begin(i)).logical_and(targets.lt(cluster_end(i)));
    of_head = of_head.masked_fill(inside, short_list() + static_cast<std::int64_t>(i));
    rows.push_back(inside.nonzero().squeeze(1));
  }
  auto loss = linear_cross_entropy(hidden, head->weight, of_head, {}, 0, head->bias);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (rows[i].numel() == 0) continue;
    const auto narrow = inner[i](hidden.index_select(0, rows[i]));
    loss = loss + linear_cross_entropy(narrow, outer[i]->weight, targets.index_select(0, rows[i]) - cluster_begin(i));
  }
  return loss;
}

Tensor AdaptiveSoftmaxImpl::log_probabilities(const Tensor& hidden) {
  const auto of_head = head(hidden).log_softmax(-1);
  std::vector<Tensor> parts = {of_head.narrow(-1, 0, short_list())};
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto cluster = of_head.narrow(-1, short_list() + static_cast<std::int64_t>(i), 1);
    parts.push_back(outer[i](inner[i](hidden)).log_softmax(-1) + cluster);
  }
  return at::cat(parts, -1);
}

}  // namespace langzoo
