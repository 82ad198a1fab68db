/// Tokens that a post-processor puts beside those of the texts. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

/// The special tokens `tokens` with the ids `ids` as a part of their own.
inline Encoding added_part(const std::vector<TokenId>& ids, const std::vector<std::string>& tokens,
                           std::int32_t type_id) {
  Encoding part;
  part.ids = ids;
  part.tokens = tokens;
  part.offsets.resize(ids.size());
  part.type_ids.assign(ids.size(), type_id);
  part.word_ids.assign(ids.size(), Encoding::kNoWord);
  part.sequence_ids.assign(ids.size(), Encoding::kNoSequence);
  part.special_tokens_mask.assign(ids.size(), 1);
  part.attention_mask.assign(ids.size(), 1);
  return part;
}

}  // namespace langzoo
