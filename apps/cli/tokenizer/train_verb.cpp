#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/base/status_line.h"
#include "apps/cli/tokenizer/input.h"
#include "apps/cli/tokenizer/verbs.h"
#include "data/files/text_source.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/char_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/trainers/sentencepiece_trainer.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSentencePiece = "sentencepiece";
const std::vector<std::string> kModels = {"bytebpe", "bpe", "wordpiece", "unigram", "word", "char"};

void add_once(std::vector<std::string>& tokens, const std::string& token) {
  if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
}

/// The progress of a training on stderr: bytes while texts are read, then tokens.
class TrainingStatus {
 public:
  TrainingStatus(std::uint64_t bytes, std::size_t tokens)
      : status_(std::cerr, stderr_is_terminal()), bytes_(bytes), tokens_(tokens) {}

  void update(const TokenizerTrainingProgress& progress) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    if (seconds < kSilentSeconds) return;
    const auto read = static_cast<double>(progress.bytes_read), all = static_cast<double>(bytes_);
    Status status;
    if (progress.tokens == 0) {
      status.label = "read";
      status.counter = fmt::format("{}B/{}B", with_unit(read), with_unit(all));
      status.fraction = bytes_ > 0 ? read / all : 1;
      status.figures = fmt::format("{}B/s", with_unit(read / seconds));
    } else {
      status.label = "tokens";
      status.counter = fmt::format("{}/{}", progress.tokens, tokens_);
      status.fraction = static_cast<double>(progress.tokens) / static_cast<double>(tokens_);
      status.figures = as_duration(seconds);
    }
    status_.update(std::move(status));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr double kSilentSeconds = 0.5;  // what is done by then needs no progress

  StatusLine status_;
  std::uint64_t bytes_;
  std::size_t tokens_;
  Clock::time_point begin_ = Clock::now();
};

class TrainVerb : public Verb {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "a tokenizer from your own text"; }
  std::string examples() const override {
    return "train --model bytebpe --vocab-size 8000 --data book.txt --out mine\n"
           "train --model wordpiece --lowercase --vocab-size 8000 --data corpus/ --min-frequency 2 --out bert\n"
           "train --model unigram --vocab-size 8000 --data a.txt b.txt --threads 2 --out t5\n";
  }
  std::string notes() const override {
    return "Models and what they are the tokenizer of:\n"
           "  bytebpe    GPT-2: byte-pair encoding of bytes; any text comes back as it was\n"
           "  bpe        GPT-1: byte-pair encoding of characters, words ending in </w>\n"
           "  wordpiece  BERT: words and punctuation cut into pieces, [CLS] and [SEP] added\n"
           "  unigram    T5, ALBERT: a language model over pieces (SentencePiece)\n"
           "  word       whole words; rare ones are <unk>\n"
           "  char       one token a character, all that the text has\n"
           "A file's lines are texts of their own, as in Python's tokenizers. --out gets tokenizer.json and\n"
           "tokenizer_config.json, which langzoo and Python's transformers read; with --format sentencepiece, for\n"
           "unigram, bpe, word and char, spiece.model of libsentencepiece's own trainer.\n"
           "Fields under --json: model, vocab_size, bytes (of text), seconds, peak_memory_bytes.\n";
  }
  void add_options(Options& options) override {
    options.add("--model", model_, fmt::format("{}", fmt::join(kModels, ", "))).required().one_of(kModels);
    options.add("--vocab-size", vocab_size_, "tokens, special ones included; not for char")
        .range(1, kMaxVocabularySize);
    options.add("--data", data_, "text: files, or folders of .txt files").required();
    options.add("--out", out_, "the folder to write").required();
    options.add("--format", format_, "json or sentencepiece").one_of({"json", kSentencePiece});
    options.add("--min-frequency", min_frequency_, "leave out what is rarer: pairs that would be merged, words")
        .range(1);
    options.add("--special-tokens", special_tokens_, "further special tokens");
    options.add("--lowercase,!--no-lowercase", lowercase_, "lower the case of letters; without it case is kept");
  }

  void run(const CommonOptions& common) override {
    check();
    std::vector<fs::path> files;
    for (const auto& data : data_) {
      for (const auto& file : find_text_files(data)) files.push_back(file);
    }
    std::uint64_t bytes = 0;
    for (const auto& file : files) bytes += fs::file_size(file);
    const auto begin = std::chrono::steady_clock::now();
    std::unique_ptr<Tokenizer> tokenizer;
    {
      TrainingStatus status(bytes, vocab_size_.value_or(0));
      const auto progress = [&](const TokenizerTrainingProgress& p) { status.update(p); };
      try {
        tokenizer = train(lines_of(files), threads_of(common), progress);
      } catch (const std::invalid_argument& error) {
        throw UsageError(one_line(error));
      }
    }
    tokenizer->save(out_);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (common.json) {
      return print_json({{"model", model_},
                         {"vocab_size", tokenizer->vocab_size()},
                         {"bytes", bytes},
                         {"seconds", seconds},
                         {"peak_memory_bytes", peak_memory_bytes()}});
    }
    std::cout << fmt::format("{} of {} tokens from {}B of text in {}, {:.0f} MB at most; saved in {}\n", model_,
                             tokenizer->vocab_size(), with_unit(static_cast<double>(bytes)), as_duration(seconds),
                             static_cast<double>(peak_memory_bytes()) / 1e6, out_);
  }

 private:
  void check() const {
    if (out_.empty()) throw UsageError("--out: the name is empty");
    if (fs::exists(out_) && !fs::is_directory(out_)) {
      throw UsageError(fmt::format("--out {}: is a file; the tokenizer needs a folder", out_));
    }
    const bool json = format_ != kSentencePiece;
    if (!vocab_size_ && (model_ != "char" || !json))
      throw UsageError("--vocab-size is missing: how many tokens to learn");
    const auto not_for = [&](bool given, const char* flag, const char* why) {
      if (given) throw UsageError(fmt::format("{}: {} for --model {}", flag, why, model_));
    };
    if (json) {
      if (model_ == "char" || model_ == "bytebpe") not_for(lowercase_, "--lowercase", "not available");
      if (model_ == "char" || model_ == "unigram")
        not_for(min_frequency_.has_value(), "--min-frequency", "has no meaning");
    } else {
      not_for(model_ == "bytebpe" || model_ == "wordpiece", "--format sentencepiece", "there is no such file");
      not_for(min_frequency_.has_value(), "--min-frequency", "not available in --format sentencepiece");
    }
    for (const auto& token : special_tokens_) {
      if (token.empty()) throw UsageError("--special-tokens: a token is empty");
    }
  }

  std::unique_ptr<Tokenizer> train(const TextSource& texts, std::size_t threads,
                                   const ProgressCallback& progress) const {
    if (format_ == kSentencePiece) return train_sentencepiece_file(texts, progress);
    if (model_ == "char") {
      auto tokenizer = train_char_level(texts, {.special_tokens = special_tokens_, .progress = progress});
      if (vocab_size_ && tokenizer->vocab_size() > *vocab_size_) {
        throw UsageError(fmt::format("--vocab-size {}: the text has {} characters, and --model char takes them all",
                                     *vocab_size_, tokenizer->vocab_size()));
      }
      return tokenizer;
    }
    if (model_ == "bytebpe") {
      ByteLevelBpeTrainerOptions options;
      options.vocab_size = vocab_size_.value_or(0);
      options.min_frequency = min_frequency_.value_or(0);
      for (const auto& token : special_tokens_) add_once(options.special_tokens, token);
      options.threads = threads;
      options.progress = progress;
      return train_byte_level_bpe(texts, options);
    }
    PipelineTrainerOptions options;
    options.vocab_size = vocab_size_.value_or(0);
    options.min_frequency = min_frequency_.value_or(0);
    options.special_tokens = special_tokens_;
    options.lowercase = lowercase_;
    options.threads = threads;
    options.progress = progress;
    if (model_ == "bpe") return train_bpe(texts, options);
    if (model_ == "wordpiece") return train_wordpiece(texts, options);
    if (model_ == "unigram") return train_unigram(texts, options);
    return train_word_level(texts, options);
  }

  std::unique_ptr<Tokenizer> train_sentencepiece_file(const TextSource& texts, const ProgressCallback& progress) const {
    using ModelType = SentencePieceTrainerOptions::ModelType;
    SentencePieceTrainerOptions options;
    options.model_type = model_ == "unigram" ? ModelType::Unigram
                         : model_ == "bpe"   ? ModelType::Bpe
                         : model_ == "word"  ? ModelType::Word
                                             : ModelType::Char;
    options.vocab_size = vocab_size_.value_or(0);
    options.control_symbols = special_tokens_;
    if (lowercase_) options.normalization_rule_name = "nmt_nfkc_cf";
    TokenizerTrainingProgress read;
    const auto next = [&](std::string& text) {
      if (!texts(text)) return false;
      read.bytes_read += text.size();
      progress(read);
      return true;
    };
    return train_sentencepiece(next, options);
  }

  std::string model_, out_, format_ = "json";
  std::vector<std::string> data_, special_tokens_;
  std::optional<std::size_t> vocab_size_;
  std::optional<std::uint64_t> min_frequency_;
  bool lowercase_ = false;
};

}  // namespace

std::unique_ptr<Verb> train_verb() {
  return std::make_unique<TrainVerb>();
}

}  // namespace langzoo
