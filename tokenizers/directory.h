/// Directories and single files that hold a tokenizer, as Hugging Face, Google and others publish them.
///
/// | files | tokenizer |
/// |---|---|
/// | tokenizer.json | what it describes, with the special tokens of tokenizer_config.json beside it |
/// | vocab.txt | BERT, DistilBERT, ELECTRA (WordPiece) |
/// | vocab.json, merges.txt | GPT-1 (characters, end of word `</w>`) or GPT-2 (byte level) |
/// | spiece.model, tokenizer.model, another *.model | ALBERT or T5 (Unigram), special tokens added |
///
/// Which of several it is, tokenizer_config.json says (`tokenizer_class`), else config.json (`model_type`), else the
/// files themselves. The result gives the ids of `transformers.AutoTokenizer` for the same directory; a tokenizer_class
/// that needs more than its vocabulary's files, RoBERTa's say, is an error without tokenizer.json.
///
/// A SentencePiece model whose tokenizer_class is SentencePieceProcessor is what SentencePiece::save wrote:
/// libsentencepiece's own ids, no special tokens added.
///
/// A single file may be a tokenizer.json, a vocab.txt, the codes of subword-nmt ("#version: 0.2"), or a SentencePiece
/// .model, which then gives libsentencepiece's own ids and adds no special tokens.
#pragma once

#include <filesystem>
#include <memory>

#include "tokenizers/tokenizer.h"

namespace langzoo {

// load_tokenizer, the function for all of these, is declared in tokenizers/tokenizer.h.

/// Whether `dir` is a directory with files of which load_tokenizer(dir) makes a tokenizer (or says what is wrong with
/// them).
bool has_tokenizer(const std::filesystem::path& dir);

/// BERT's tokenizer of a vocab.txt; `config` as in parse_tokenizer_json: do_lower_case (true where it is not said),
/// strip_accents, tokenize_chinese_chars, special tokens. Throws FileError.
std::unique_ptr<Tokenizer> load_bert_vocabulary(const std::filesystem::path& vocab_txt, std::string_view config = {});

/// GPT-2's tokenizer of the published pair of files. Throws FileError.
std::unique_ptr<Tokenizer> load_gpt2_vocabulary(const std::filesystem::path& vocab_json,
                                                const std::filesystem::path& merges_txt, std::string_view config = {});
/// GPT-1's.
std::unique_ptr<Tokenizer> load_gpt_vocabulary(const std::filesystem::path& vocab_json,
                                               const std::filesystem::path& merges_txt, std::string_view config = {});

/// subword-nmt's of its codes: words are cut at spaces. Throws FileError.
std::unique_ptr<Tokenizer> load_subword_nmt_codes(const std::filesystem::path& codes);

}  // namespace langzoo
