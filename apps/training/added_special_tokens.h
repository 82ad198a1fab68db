/// Tokens that a task has besides those of a run's tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The tokenizer with these special tokens, those that it lacks behind all others, saved in `dir`; itself where it has
/// them all. No post-processor adds them to a text. Throws ConfigError naming `key` for one that is no tokenizer.json.
std::shared_ptr<const Tokenizer> with_special_tokens(std::shared_ptr<const Tokenizer> tokenizer,
                                                     const std::vector<std::string_view>& tokens,
                                                     const std::filesystem::path& dir, const std::string& key);

}  // namespace langzoo
