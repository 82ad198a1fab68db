/// Encodings as langzoo-tokenizer prints them.
#pragma once

#include <string>
#include <string_view>

#include "tokenizers/encoding.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& json, std::string_view text);

/// Makes the offsets of an encoding and of its windows characters; `texts` is what was encoded.
void count_offsets_in_characters(Encoding& encoding, const TextPair& texts);

/// The object {ids, tokens, offsets, type_ids, word_ids, sequence_ids, special_tokens_mask}, null being of no word or
/// text; with `attention_mask` also that; `overflowing`, a list of such objects, where there are further windows. No
/// white space, no line feed.
std::string encoding_json(const Encoding& encoding, bool attention_mask = false);

}  // namespace langzoo
