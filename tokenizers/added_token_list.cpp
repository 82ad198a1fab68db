#include "tokenizers/added_token_list.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "tokenizers/models/token_model.h"

namespace langzoo {

BaseVocabulary vocabulary_of(const TokenizerModel& model) {
  std::size_t size = 0;
  for (std::size_t id = 0; id < model.vocab_size(); ++id)
    size += model.id_to_token(static_cast<TokenId>(id)).has_value();
  return {[&model](std::string_view token) { return model.token_to_id(token); }, size};
}

void AddedTokenList::add(std::vector<AddedToken> tokens) {
  std::vector<std::optional<TokenId>> known_ids;
  std::unordered_set<TokenId> taken;  // beyond a hole in the vocabulary
  for (const AddedToken& token : tokens) {
    known_ids.push_back(vocabulary_.id_of(token.content));
    if (known_ids.back()) taken.insert(*known_ids.back());
  }
  auto next = static_cast<TokenId>(std::max(past_ids_, vocabulary_.size));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    AddedToken& token = tokens[i];
    if (token.content.empty()) continue;
    const auto [known, is_new] = by_content_.emplace(token.content, tokens_.size());
    if (is_new) {
      while (!known_ids[i] && taken.contains(next)) ++next;
      token.id = known_ids[i] ? *known_ids[i] : next++;
      past_ids_ = std::max(past_ids_, static_cast<std::size_t>(token.id) + 1);
      tokens_.push_back(std::move(token));
      continue;
    }
    AddedToken& earlier = tokens_[known->second];
    token.id = earlier.id;
    token.special = token.special || earlier.special;
    token.normalized = token.normalized && earlier.normalized;
    earlier = std::move(token);
  }
}

const AddedToken* AddedTokenList::find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace langzoo
