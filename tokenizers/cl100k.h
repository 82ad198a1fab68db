/// The pattern that cuts text into pieces for OpenAI's cl100k_base (GPT-4) and Llama 3.
#pragma once

#include <cstddef>
#include <string_view>

namespace langzoo {

/// As the tokenizer.json files of these models have it.
inline constexpr std::string_view kCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The end of the piece that begins at text[begin], `begin` < text.size(), by that pattern. `text` is valid UTF-8.
std::size_t cl100k_piece_end(std::string_view text, std::size_t begin);

}  // namespace langzoo
