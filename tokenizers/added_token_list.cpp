#include "tokenizers/added_token_list.h"

#include <algorithm>
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
  std::unordered_set<TokenId> taken;  // beyond a hole in the vocabulary
  for (const AddedToken& token : tokens) {
    if (const auto id = vocabulary_.id_of(token.content)) taken.insert(*id);
  }
  auto next = static_cast<TokenId>(std::max(past_ids_, vocabulary_.size));
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    const auto [known, is_new] = by_content_.emplace(token.content, tokens_.size());
    if (is_new) {
      const auto id = vocabulary_.id_of(token.content);
      while (!id && taken.contains(next)) ++next;
      token.id = id ? *id : next++;
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
