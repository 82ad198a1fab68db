/// N-gram language models (models/ngram_lm), which are counted at once, for langzoo-lm.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "apps/training/task_setup.h"
#include "models/ngram_lm/ngram_lm.h"

namespace langzoo {

/// Training as a run of one step: the sections `data` (stream_text.h; nothing is set aside for validation unless
/// data.valid_fraction says so), `model`, and train.memory.
std::unique_ptr<TaskSetup> ngram_setup();

/// Bytes: "512M", "2G", "800K" or a number. Throws ConfigError naming `key`.
std::size_t memory_of(std::string_view text, std::string_view key);

/// Puts the tokenizer of an n-gram model's words into its folder. False, with nothing saved, for more words than
/// tokenizers have.
bool save_word_tokenizer(const NGramVocabulary& words, const std::filesystem::path& dir);
/// Throws FileError naming the model's folder `dir` where the tokenizer in it is another model's, as far as its size
/// and thousands of its words tell.
void check_word_tokenizer(const NGramLmImpl& lm, const Tokenizer& tokenizer, const std::filesystem::path& dir);

}  // namespace langzoo
