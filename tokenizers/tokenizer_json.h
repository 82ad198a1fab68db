/// tokenizer.json and tokenizer_config.json, the files of Python's `tokenizers` and `transformers`; GPT-2's vocab.json
/// and merges.txt.
///
/// What a file asks for and langzoo does not do is an error that names the file and the field; nothing is ignored but
/// the keys of tokenizer_config.json that do not concern ids or text.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/char_level.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The tokenizer of a tokenizer.json's text; `config` is the text of the tokenizer_config.json beside it, empty where
/// there is none. `path` names the file in messages. Throws FileError.
std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, std::string_view config,
                                                const std::filesystem::path& path);

/// The tokenizer of GPT-2's published pair of files. Throws FileError.
std::unique_ptr<Tokenizer> load_vocab_and_merges(const std::filesystem::path& vocab_json,
                                                 const std::filesystem::path& merges_txt, std::string_view config = {});

/// The text of the tokenizer.json that describes a model.
std::string tokenizer_json(const ByteLevelBpeModel& model, const EncodingRules& rules = {});
std::string tokenizer_json(const CharLevelModel& model, const EncodingRules& rules = {});

/// Writes `json` and the tokenizer_config.json of `tokenizer` into `dir`, each atomically.
void save_tokenizer(const std::filesystem::path& dir, std::string_view json, const Tokenizer& tokenizer);

}  // namespace langzoo
