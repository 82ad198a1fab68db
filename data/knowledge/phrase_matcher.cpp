#include "data/knowledge/phrase_matcher.h"

#include <stdexcept>

#include "data/random/random.h"

namespace langzoo {

std::size_t PhraseMatcher::Hash::operator()(const Step& step) const {
  return mix_bits(mix_bits(static_cast<std::uint64_t>(step.node)) ^ static_cast<std::uint64_t>(step.id));
}

void PhraseMatcher::add(std::span<const std::int64_t> ids, std::int64_t phrase) {
  if (ids.empty()) throw std::invalid_argument("a phrase without ids");
  std::int64_t node = 0;
  for (const auto id : ids) {
    node = steps_.try_emplace({node, id}, static_cast<std::int64_t>(steps_.size()) + 1).first->second;
  }
  phrases_.try_emplace(node, phrase);
}

std::vector<PhraseMatch> PhraseMatcher::longest_matches(std::span<const std::int64_t> ids) const {
  std::vector<PhraseMatch> matches;
  for (std::size_t begin = 0; begin < ids.size();) {
    PhraseMatch longest{begin, begin, 0};
    std::int64_t node = 0;
    for (std::size_t at = begin; at < ids.size(); ++at) {
      const auto step = steps_.find({node, ids[at]});
      if (step == steps_.end()) break;
      node = step->second;
      if (const auto phrase = phrases_.find(node); phrase != phrases_.end()) longest = {begin, at + 1, phrase->second};
    }
    if (longest.end > begin) matches.push_back(longest);
    begin = std::max(begin + 1, longest.end);
  }
  return matches;
}

}  // namespace langzoo
