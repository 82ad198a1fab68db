#include "models/generation/beam_search.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>

#include "models/generation/option_check.h"
#include "models/generation/search_rows.h"

namespace langzoo {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

/// All tokens that any beam has chosen, each with the one before it: beams share their beginnings.
class TokenTree {
 public:
  static constexpr std::int64_t kRoot = -1;

  std::int64_t add(std::int64_t parent, std::int32_t token) {
    nodes_.push_back({parent, token});
    return std::ssize(nodes_) - 1;
  }

  /// The tokens that lead to `node`, which included.
  std::vector<std::int32_t> path(std::int64_t node) const {
    std::vector<std::int32_t> tokens;
    for (; node != kRoot; node = nodes_[node].parent) tokens.push_back(nodes_[node].token);
    std::reverse(tokens.begin(), tokens.end());
    return tokens;
  }

 private:
  struct Node {
    std::int64_t parent;
    std::int32_t token;
  };
  std::vector<Node> nodes_;
};

/// A beam and its next token.
struct Continuation {
  float log_probability;  ///< of the beam with the token
  std::int64_t beam;      ///< its place among the group's
  std::int64_t token;
  float coverage = 0;  ///< cp(X;Y) of the beam
};

struct Beam {
  float log_probability;
  std::int64_t node;  ///< its last token
  std::int64_t row;   ///< of the step function, before the next reorder
  std::int64_t token;
};

struct Complete {
  float score, log_probability;
  std::int64_t node;
};

/// The beams of one source, or of one of its diverse groups.
class BeamGroup {
 public:
  BeamGroup(std::int64_t source, const BeamSearchOptions& options)
      : source(source), options_(&options), width_(options.num_beams / options.num_beam_groups) {
    const auto wanted = std::ceil(static_cast<double>(width_) * options.patience);
    capacity_ = static_cast<std::int64_t>(std::clamp(wanted, 1.0, 0x1p32));
  }

  /// One step: `continuations`, best first, become complete hypotheses and the next beams; at max_new_tokens all are
  /// complete. `first_row` is the row of the group's first beam.
  void advance(std::span<const Continuation> continuations, const SearchRows& rows, std::int64_t first_row,
               TokenTree& tree);

  /// Orders the beams as rows from `first_row` on, `width` of them. A beam stays in its row where it can, so that a
  /// step function need not copy what the row holds. Where there are fewer beams the best stands in, with no
  /// probability.
  void settle(std::int64_t first_row, std::size_t width);

  std::int64_t source;
  std::vector<Beam> beams{{0, TokenTree::kRoot, 0, 0}};  ///< after advance() best first, after settle() by row
  std::vector<Complete> complete;                        ///< best first, at most `capacity_`
  bool done = false;

 private:
  bool is_full() const { return std::ssize(complete) >= capacity_; }
  float normalized(float log_probability, std::int64_t length) const {
    return log_probability /
           static_cast<float>(length_normalizer(options_->length_normalization, options_->length_penalty, length));
  }
  bool is_decided(std::int64_t length) const;

  const BeamSearchOptions* options_;
  std::int64_t width_, capacity_;
};

void BeamGroup::advance(std::span<const Continuation> continuations, const SearchRows& rows, std::int64_t first_row,
                        TokenTree& tree) {
  const bool papers = options_->rules == BeamRules::kPapers;
  const auto length = rows.new_tokens() + 1;
  const bool last = length == options_->max_new_tokens;
  const bool closed = options_->early_stopping == EarlyStopping::kTrue && is_full();
  std::vector<Beam> next;
  for (std::int64_t rank = 0; rank < std::ssize(continuations); ++rank) {
    const auto& c = continuations[rank];
    if (std::isnan(c.log_probability)) rows.nothing_to_choose(source);
    if (c.log_probability == kImpossible) break;
    const auto node = [&] { return tree.add(beams[c.beam].node, static_cast<std::int32_t>(c.token)); };
    const auto completes = [&] {
      if (rows.is_end(c.token)) return true;
      if (!options_->is_complete) return false;
      auto ids = tree.path(beams[c.beam].node);
      ids.push_back(static_cast<std::int32_t>(c.token));
      return options_->is_complete(ids);
    };
    if (!last && !completes()) {
      if (std::ssize(next) < width_) next.push_back({c.log_probability, node(), first_row + c.beam, c.token});
    } else if ((papers || rank < width_) && !closed) {
      const float score = normalized(c.log_probability, length) + c.coverage;
      const auto place = std::upper_bound(complete.begin(), complete.end(), score,
                                          [](float mine, const Complete& other) { return mine > other.score; });
      if (place - complete.begin() < capacity_) complete.insert(place, {score, c.log_probability, node()});
      if (std::ssize(complete) > capacity_) complete.pop_back();
    }
  }
  beams = std::move(next);
  if (beams.empty() && complete.empty()) rows.nothing_to_choose(source);
  done = beams.empty() || is_decided(length);
}

void BeamGroup::settle(std::int64_t first_row, std::size_t width) {
  constexpr std::int64_t kFree = -1;
  std::vector<Beam> placed(width, {kImpossible, beams[0].node, kFree, beams[0].token}), movers;
  for (const auto& beam : beams) {
    const auto place = beam.row - first_row;
    if (place >= 0 && place < std::ssize(placed) && placed[place].row == kFree) {
      placed[place] = beam;
    } else {
      movers.push_back(beam);
    }
  }
  auto mover = movers.begin();
  for (auto& place : placed) {
    if (place.row != kFree) continue;
    if (mover != movers.end()) {
      place = *mover++;
    } else {
      place.row = beams[0].row;
    }
  }
  beams = std::move(placed);
}

/// Whether what the beams, `length` tokens long, may still become is not worth going on for.
bool BeamGroup::is_decided(std::int64_t length) const {
  if (options_->early_stopping == EarlyStopping::kTrue) return is_full();
  const float best = beams.front().log_probability;
  const auto longest = options_->max_new_tokens;
  if (options_->rules == BeamRules::kHuggingFace) {
    const bool certain = options_->early_stopping == EarlyStopping::kNever && options_->length_penalty > 0;
    return is_full() && normalized(best, certain ? longest : length) <= complete.back().score;
  }
  // No token raises a log-probability, no coverage score is above 0, and lp is monotone: the ends bound the score.
  const auto wanted = std::min(options_->num_return_sequences, width_);
  const float bound = std::max(normalized(best, length + 1), normalized(best, longest));
  return std::ssize(complete) >= wanted && complete[wanted - 1].score >= bound;
}

/// Whether one beam is transformers' greedy search.
bool is_greedy(const BeamSearchOptions& options) {
  return options.num_beams == 1 && options.rules == BeamRules::kHuggingFace;
}

/// Whether its choice may be another one among processed logits than among processed log-probabilities.
bool chooses_by_logits(const BeamSearchOptions& options) {
  return is_greedy(options) && (options.repetition_penalty != 1 || !options.processors.empty());
}

/// The k largest of every row (R,N), largest first: at::topk, which keeps a heap over all of a row, on those chunks
/// only whose largest elements are among the k largest.
std::tuple<torch::Tensor, torch::Tensor> largest(const torch::Tensor& rows, std::int64_t k) {
  constexpr std::int64_t kChunk = 64;
  const auto chunks = rows.size(1) / kChunk, covered = chunks * kChunk;
  if (k > chunks / 4) return rows.topk(k, 1, true, true);
  const auto chunked = rows.narrow(1, 0, covered).unflatten(1, {chunks, kChunk});  // (R,chunks,64)
  const auto first = std::get<1>(chunked.amax(2).topk(k, 1)).unsqueeze(2) * kChunk;
  const auto positions = (first + at::arange(kChunk, first.options())).flatten(1);  // (R,64k)
  const auto rest = at::arange(covered, rows.size(1), first.options()).expand({rows.size(0), -1});
  const auto candidates = at::cat({positions, rest}, 1);
  const auto [value, index] = rows.gather(1, candidates).topk(k, 1, true, true);
  return {value, candidates.gather(1, index)};
}

class Search {
 public:
  Search(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options);
  std::vector<std::vector<Hypothesis>> run();

 private:
  std::vector<std::vector<Continuation>> continuations(const torch::Tensor& log_probabilities) const;
  void penalize(std::vector<Continuation>& found, const std::map<std::int64_t, std::int64_t>& chosen) const;
  void advance_groups(const torch::Tensor& log_probabilities);
  void finish(BeamGroup& group);
  torch::Tensor next_step();

  const BeamSearchOptions& options_;
  SearchRows rows_;
  TokenTree tree_;
  std::vector<BeamGroup> groups_;  ///< under way, those of one source next to each other
  std::int64_t width_ = 1;         ///< rows a group, at first one of its source's
  std::int64_t candidates_;        ///< continuations a group looks at
  std::vector<std::vector<Hypothesis>> result_;
};

Search::Search(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options)
    : options_(options), rows_(step, prompts, options, chooses_by_logits(options)), result_(prompts.ids.size(0)) {
  for (std::int64_t source = 0; source < prompts.ids.size(0); ++source) {
    for (std::int64_t g = 0; g < options.num_beam_groups; ++g) groups_.emplace_back(source, options);
  }
  const auto ends = std::max<std::int64_t>(1, std::ssize(options.eos_token_ids));
  candidates_ = is_greedy(options) ? 1 : (1 + ends) * (options.num_beams / options.num_beam_groups);
}

/// The likeliest continuations of every group, best first. The one synchronisation of a step.
std::vector<std::vector<Continuation>> Search::continuations(const torch::Tensor& log_probabilities) const {
  const auto count = std::ssize(groups_), vocabulary = log_probabilities.size(1);
  std::vector<float> before;
  for (const auto& group : groups_) {
    for (const auto& beam : group.beams) before.push_back(beam.log_probability);
  }
  // The groups of a source share their first row.
  const bool shared = rows_.new_tokens() == 0 && options_.num_beam_groups > 1;
  const auto spread = [&](const torch::Tensor& x) {
    return shared ? x.repeat_interleave(options_.num_beam_groups, 0) : x;
  };
  auto totals = spread(log_probabilities);  // (U * width,V)
  if (rows_.new_tokens() > 0) totals = totals + at::tensor(before).to(rows_.device()).unsqueeze(1);
  // What earlier groups choose can push at most num_beams tokens of each beam down.
  const auto spare = options_.diversity_penalty > 0 ? width_ * options_.num_beams : 0;
  const auto k = std::min(candidates_ + spare, width_ * vocabulary);
  const auto [value, place] = largest(totals.reshape({count, width_ * vocabulary}), k);
  std::vector<torch::Tensor> parts = {value.to(at::kDouble), place.to(at::kDouble)};
  const auto coverage = rows_.coverage_scores();
  if (coverage.defined()) parts.push_back(spread(coverage).reshape({count, width_}).to(at::kDouble));
  const auto found = at::cat(parts, 1).cpu();  // (U,2k) or (U,2k + width)
  std::vector<std::vector<Continuation>> result(groups_.size());
  const auto* row = found.const_data_ptr<double>();
  for (auto& continuations : result) {
    for (std::int64_t i = 0; i < k; ++i) {
      const auto index = static_cast<std::int64_t>(row[k + i]);
      const auto beam = index / vocabulary;
      continuations.push_back({static_cast<float>(row[i]), beam, index % vocabulary,
                               coverage.defined() ? static_cast<float>(row[2 * k + beam]) : 0});
    }
    row += found.size(1);
  }
  return result;
}

/// Hamming diversity (Vijayakumar et al. 2016, section 4): `chosen` counts the beams of earlier groups by token.
void Search::penalize(std::vector<Continuation>& found, const std::map<std::int64_t, std::int64_t>& chosen) const {
  for (auto& c : found) {
    const auto count = chosen.find(c.token);
    if (count == chosen.end()) continue;
    c.log_probability -= static_cast<float>(options_.diversity_penalty * static_cast<double>(count->second));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Continuation& a, const Continuation& b) { return a.log_probability > b.log_probability; });
}

void Search::advance_groups(const torch::Tensor& log_probabilities) {
  auto found = continuations(log_probabilities);
  std::map<std::int64_t, std::int64_t> chosen;
  std::vector<BeamGroup> going_on;
  for (std::size_t u = 0; u < groups_.size(); ++u) {
    auto& group = groups_[u];
    if (options_.diversity_penalty > 0) {
      if (u == 0 || groups_[u - 1].source != group.source) chosen.clear();
      if (!chosen.empty()) penalize(found[u], chosen);
    }
    if (std::ssize(found[u]) > candidates_) found[u].resize(candidates_);
    const auto first_row = rows_.new_tokens() == 0 ? group.source : static_cast<std::int64_t>(u) * width_;
    group.advance(found[u], rows_, first_row, tree_);
    for (const auto& beam : group.beams) ++chosen[beam.token];
  }
  for (auto& group : groups_) {
    if (group.done) {
      finish(group);
    } else {
      going_on.push_back(std::move(group));
    }
  }
  groups_ = std::move(going_on);
}

void Search::finish(BeamGroup& group) {
  auto& hypotheses = result_[group.source];
  for (const auto& c : group.complete) hypotheses.push_back({tree_.path(c.node), c.score, c.log_probability});
}

/// Hands every beam its token. Groups have equally many rows.
torch::Tensor Search::next_step() {
  std::size_t widest = 0;
  for (const auto& group : groups_) widest = std::max(widest, group.beams.size());
  std::vector<std::int64_t> rows, tokens;
  for (auto& group : groups_) {
    group.settle(std::ssize(rows), widest);
    for (const auto& beam : group.beams) {
      rows.push_back(beam.row);
      tokens.push_back(beam.token);
    }
  }
  width_ = static_cast<std::int64_t>(widest);
  return rows_.advance(rows, tokens);
}

std::vector<std::vector<Hypothesis>> Search::run() {
  advance_groups(rows_.begin());
  while (!groups_.empty()) advance_groups(next_step());
  for (auto& hypotheses : result_) {
    std::stable_sort(hypotheses.begin(), hypotheses.end(),
                     [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
    const auto wanted = static_cast<std::size_t>(options_.num_return_sequences);
    if (hypotheses.size() > wanted) hypotheses.resize(wanted);
  }
  return std::move(result_);
}

}  // namespace

void BeamSearchOptions::validate() const {
  constexpr std::int64_t kLimit = std::numeric_limits<std::int32_t>::max();
  const auto count = [](std::int64_t n) { return static_cast<double>(n); };
  const bool papers = rules == BeamRules::kPapers;
  DecodingOptions::validate();
  require_option(num_beams >= 1 && num_beams <= kLimit, "num_beams", count(num_beams), "at least 1");
  require_option(num_return_sequences >= 1 && num_return_sequences <= num_beams, "num_return_sequences",
                 count(num_return_sequences), "between 1 and num_beams");
  require_option(std::isfinite(length_penalty), "length_penalty", length_penalty, "finite");
  require_option(std::isfinite(coverage_penalty) && coverage_penalty >= 0, "coverage_penalty", coverage_penalty,
                 "finite and not negative");
  require_option(papers || coverage_penalty == 0, "coverage_penalty", coverage_penalty, "0 under Hugging Face's rules");
  if (!papers && length_normalization == LengthNormalization::kGnmt) {
    throw std::invalid_argument("length_normalization is gnmt; it must be average under Hugging Face's rules");
  }
  if (papers && early_stopping == EarlyStopping::kNever) {
    throw std::invalid_argument("early_stopping is never; it must be false or true under the papers' rules");
  }
  require_option(std::isfinite(patience) && patience > 0, "patience", patience, "finite and positive");
  require_option(patience == 1 || early_stopping == EarlyStopping::kTrue, "patience", patience,
                 "1 unless early_stopping is true");
  require_option(num_beam_groups >= 1 && num_beams % num_beam_groups == 0, "num_beam_groups", count(num_beam_groups),
                 "a divisor of num_beams");
  require_option(std::isfinite(diversity_penalty) && diversity_penalty >= 0, "diversity_penalty", diversity_penalty,
                 "finite and not negative");
  require_option(diversity_penalty == 0 || num_beam_groups > 1, "diversity_penalty", diversity_penalty,
                 "0 where there is one beam group");
  const auto kept = std::ceil(count(num_beams / num_beam_groups) * patience) * count(num_beam_groups);
  require_option(count(num_return_sequences) <= kept, "num_return_sequences", count(num_return_sequences),
                 "at most num_beams * patience");
}

std::vector<std::vector<Hypothesis>> beam_search(StepFunction& step, const PaddedPrompts& prompts,
                                                 const BeamSearchOptions& options) {
  options.validate();
  const c10::InferenceMode guard;
  return Search(step, prompts, options).run();
}

}  // namespace langzoo
