/// Vocabularies in files of their own, as BERT, GPT-1, GPT-2 and subword-nmt publish them. FileError names the file and
/// the line or token that is wrong.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/models/bpe.h"

namespace langzoo {

/// vocab.txt: a token a line, its id the line's number from 0. As in transformers the last of equal lines counts; the
/// ids of the others, and of empty lines, have no token.
std::vector<std::string> read_vocab_txt(const std::filesystem::path& path);
/// vocab.json: {token: id}; an id that is not there has an empty token.
std::vector<std::string> read_vocab_json(const std::filesystem::path& path);
/// merges.txt: "left right" a line, by rank; lines that begin with "#version" say nothing.
std::vector<BpeMerge> read_merges_txt(const std::filesystem::path& path, const std::vector<std::string>& tokens,
                                      std::string_view continuing_subword_prefix = {});

/// A codes file of subword-nmt (Sennrich et al. 2016), version 0.2: merges whose last symbol of a word ends in "</w>",
/// the first of equal ones counting. It has no vocabulary; this one has "<unk>", every character of the merges within
/// and at the end of a word, and what the merges make, in this order. Other characters are unknown, each one token that
/// shows the character itself.
BpeOptions read_subword_nmt_codes(const std::filesystem::path& path);

}  // namespace langzoo
