/// ARPA files: back-off models as text, which SRILM, KenLM's lmplz and many others write and read. Doug Paul's format,
/// as SRILM's ngram-format(5) describes it.
#pragma once

#include <filesystem>
#include <iosfwd>

#include "models/ngram/ngram_model.h"

namespace langzoo {

/// Writes a model as lmplz does: with as many digits as a float has, and a back-off weight for all but the longest
/// n-grams. Throws std::invalid_argument for one that is no back-off model, or that has no words.
void write_arpa(std::ostream& out, const NGramModel& model);

/// Writes the model's file for `arpa`. Where "<unk>" has no probability it is given log10 P = -100, and so is "</s>".
/// N-grams whose histories the file leaves out are kept, the histories with what backing off gives them. Throws
/// FileError naming the line for what is no ARPA file, and for words that are not UTF-8. "<UNK>" is "<unk>" where the
/// file has no such word. Whether the file has "</s>".
bool convert_arpa(const std::filesystem::path& arpa, std::ostream& out);
/// The same in memory.
NGramModel read_arpa(const std::filesystem::path& arpa);

}  // namespace langzoo
