/// tokenizer.json and tokenizer_config.json, the files of Python's `tokenizers` and `transformers`.
///
/// What a tokenizer.json asks for and langzoo does not do is an error that names the file and the field, never ignored.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/char_level.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

class TokenizerConfig;

/// The tokenizer of a tokenizer.json's text: ByteLevelBpe or CharLevel where it is exactly theirs, which are quicker,
/// else a Pipeline. `path` names the file in messages. Throws FileError.
///
/// `config` is what stands beside it, or the text of the tokenizer_config.json alone, empty where there is none. As in
/// transformers it adds tokens, and where it names a class that takes them from there, decides on add_prefix_space
/// (GPT-2, RoBERTa and their relatives), trim_offsets (RoBERTa) and the normalizer (BERT); its add_bos_token and
/// add_eos_token say nothing of a tokenizer.json.
std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, const TokenizerConfig& config,
                                                const std::filesystem::path& path);
std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, std::string_view config,
                                                const std::filesystem::path& path);

/// The text of the tokenizer.json that describes a tokenizer.
std::string tokenizer_json(const ByteLevelBpeModel& model, const EncodingRules& rules = {});
std::string tokenizer_json(const CharLevelModel& model, const EncodingRules& rules = {});
std::string tokenizer_json(const PipelineParts& parts, const EncodingRules& rules = {});

/// Writes `json` and the tokenizer_config.json of `tokenizer` into `dir`, each atomically.
void save_tokenizer(const std::filesystem::path& dir, std::string_view json, const Tokenizer& tokenizer);

}  // namespace langzoo
