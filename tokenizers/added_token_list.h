/// The added tokens of a tokenizer while its files are read: internal to the loaders.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizers/added_tokens.h"

namespace langzoo {

class TokenizerModel;

/// What a list has to know of a model's vocabulary.
struct BaseVocabulary {
  std::function<std::optional<TokenId>(std::string_view)> id_of;
  std::size_t size = 0;  // how many tokens there are, holes between their ids not counted
};
/// `model` must outlive it.
BaseVocabulary vocabulary_of(const TokenizerModel& model);

/// Gives every token the id that Python's `tokenizers` gives it, whatever id a file says: that of its content in the
/// vocabulary, else the next one after the vocabulary and the tokens that were added before. In a file without holes,
/// whose tokens stand in order, these are the file's. Where a token that is added has an id of its own beyond a hole
/// in the vocabulary, which Python would give to another one as well, that one gets the next.
class AddedTokenList {
 public:
  explicit AddedTokenList(BaseVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  /// Adds tokens together: one of the vocabulary, whose id may lie anywhere, does not move those that come with it. Of
  /// tokens of one content the last counts, but what was special stays special, and what is sought before normalization
  /// still is. An empty content is no token.
  void add(std::vector<AddedToken> tokens);
  const AddedToken* find(std::string_view content) const;
  /// Whether it is an added token or one of the vocabulary, or none at all.
  bool knows(std::string_view content) const {
    return content.empty() || find(content) != nullptr || vocabulary_.id_of(content);
  }
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  BaseVocabulary vocabulary_;
  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, std::size_t> by_content_;
  std::size_t past_ids_ = 0;  // the largest id + 1
};

}  // namespace langzoo
