/// Directories and single files that hold a tokenizer, as Hugging Face, Google and others publish them.
///
/// | files | tokenizer |
/// |---|---|
/// | tokenizer.json | what it describes, with the tokens that the files beside it name |
/// | vocab.txt | BERT, DistilBERT, ELECTRA, MPNet (WordPiece) |
/// | vocab.json, merges.txt | GPT-1 (characters, end of word `</w>`), GPT-2 or RoBERTa (byte level) |
/// | spiece.model, sentencepiece.bpe.model, ... | ALBERT, T5, XLM-RoBERTa (Unigram) or Llama (BPE) and special tokens |
/// | tokenizer.model | one of these, or what transformers' TokenizersBackend makes of it |
/// | none, of the class ByT5Tokenizer | ByT5's (byt5.h) |
/// | source.spm, target.spm, vocab.json | the source's side of Marian's (marian.h), unless a tokenizer.json beside them
/// is
///   another class's |
///
/// Which of several it is, tokenizer_config.json says (`tokenizer_class`), else config.json (`model_type`), else the
/// files themselves. The result gives the ids of `transformers.AutoTokenizer` for the same directory; another
/// tokenizer_class is an error without tokenizer.json.
///
/// Tokens are also named by tokenizer_config.json, special_tokens_map.json and added_tokens.json (tokenizer_config.h).
///
/// A SentencePiece model whose tokenizer_class is SentencePieceProcessor is what SentencePiece::save wrote:
/// libsentencepiece's own ids, no special tokens added.
///
/// A single file may be a tokenizer.json, a vocab.txt, the codes of subword-nmt ("#version: 0.2"), or a SentencePiece
/// .model or .spm, which then gives libsentencepiece's own ids and adds no special tokens. Beside it
/// tokenizer_config.json alone is read. One of the pair vocab.json and merges.txt alone is refused.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "tokenizers/tokenizer.h"

namespace langzoo {

class TokenizerConfig;

// load_tokenizer, the function for all of these, is declared in tokenizers/tokenizer.h.

/// Whether `dir` is a directory with files of which load_tokenizer(dir) makes a tokenizer (or says what is wrong with
/// them).
bool has_tokenizer(const std::filesystem::path& dir);

/// The names of the files that a saved tokenizer may consist of, of whatever kind.
std::span<const std::string_view> tokenizer_files();

/// BERT's tokenizer of a vocab.txt. `config` is the text of a tokenizer_config.json, or what stands in a directory:
/// do_lower_case (true where it is not said), strip_accents, tokenize_chinese_chars, added and special tokens. Throws
/// FileError.
std::unique_ptr<Tokenizer> load_bert_vocabulary(const std::filesystem::path& vocab_txt, std::string_view config = {});
std::unique_ptr<Tokenizer> load_bert_vocabulary(const std::filesystem::path& vocab_txt, const TokenizerConfig& config);

/// GPT-2's tokenizer of the published pair of files. Throws FileError.
std::unique_ptr<Tokenizer> load_gpt2_vocabulary(const std::filesystem::path& vocab_json,
                                                const std::filesystem::path& merges_txt, std::string_view config = {});
std::unique_ptr<Tokenizer> load_gpt2_vocabulary(const std::filesystem::path& vocab_json,
                                                const std::filesystem::path& merges_txt, const TokenizerConfig& config);
/// GPT-1's.
std::unique_ptr<Tokenizer> load_gpt_vocabulary(const std::filesystem::path& vocab_json,
                                               const std::filesystem::path& merges_txt, std::string_view config = {});
std::unique_ptr<Tokenizer> load_gpt_vocabulary(const std::filesystem::path& vocab_json,
                                               const std::filesystem::path& merges_txt, const TokenizerConfig& config);

/// subword-nmt's of its codes: words are cut at spaces. Throws FileError.
std::unique_ptr<Tokenizer> load_subword_nmt_codes(const std::filesystem::path& codes);

}  // namespace langzoo
