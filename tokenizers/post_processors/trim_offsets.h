/// Offsets without white space at their ends: internal to ByteLevelPostProcessor and RobertaProcessing.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

/// Moves both ends of each offset over as many characters as the token has white space there ("\u0120" is a space of a
/// byte-level token), but never past each other. With `add_prefix_space` a single space that begins a text or a window
/// is held for an added one, which the text does not have. The token's name decides, not the text, as in Python's
/// `tokenizers`. The windows' offsets too; `texts` by sequence id.
void trim_offsets(std::vector<Encoding>& sequences, std::span<const std::string_view> texts, bool add_prefix_space);

}  // namespace langzoo
