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

/// The tokenizer of a tokenizer.json's text: ByteLevelBpe or CharLevel where it is exactly theirs, which are quicker,
/// else a Pipeline. `config` is the text of the tokenizer_config.json beside it, empty where there is none. `path`
/// names the file in messages. Throws FileError.
std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, std::string_view config,
                                                const std::filesystem::path& path);

/// The text of the tokenizer.json that describes a tokenizer.
std::string tokenizer_json(const ByteLevelBpeModel& model, const EncodingRules& rules = {});
std::string tokenizer_json(const CharLevelModel& model, const EncodingRules& rules = {});
std::string tokenizer_json(const PipelineParts& parts, const EncodingRules& rules = {});

/// Writes `json` and the tokenizer_config.json of `tokenizer` into `dir`, each atomically.
void save_tokenizer(const std::filesystem::path& dir, std::string_view json, const Tokenizer& tokenizer);

}  // namespace langzoo
