/// Which special tokens of a trained tokenizer begin, end and fill up texts: internal to the trainers.
#pragma once

#include <span>

#include "tokenizers/added_tokens.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The roles that usual names tell: <s>, </s>, <pad>, <unk>, <mask>, [CLS], [SEP], [PAD], [UNK], [MASK]; <|endoftext|>
/// begins and ends texts. Of several tokens for one role the last has it, but the first is the unknown token: a model's
/// own tokens come before those that are asked for.
SpecialTokens special_token_roles(std::span<const AddedToken> tokens);

}  // namespace langzoo
