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
#include "tokenizers/trainers/trainer_kinds.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSentencePiece = "sentencepiece";
const std::vector<std::string> kRules = {"nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"};

/// Those with a trainer of ours; --format sentencepiece has libsentencepiece's for some.
std::vector<std::string> models() {
  std::vector<std::string> names;
  for (const auto& kind : trainer_kinds()) {
    if (kind.train != nullptr) names.emplace_back(kind.name);
  }
  return names;
}

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
    std::string text = "Models and what they are the tokenizer of:\n";
    for (const auto& name : models()) text += fmt::format("  {:<10} {}\n", name, find_trainer_kind(name)->about);
    return text +
           "A file's lines are texts of their own, as in Python's tokenizers. --out gets tokenizer.json and\n"
           "tokenizer_config.json, which langzoo and Python's transformers read; with --format sentencepiece, for\n"
           "unigram, bpe, word and char, spiece.model of libsentencepiece's own trainer.\n"
           "Flags mean what the options of that name mean in tokenizers and sentencepiece, --normalization what\n"
           "sentencepiece's normalization_rule_name does.\n"
           "Fields under --json: model, vocab_size, bytes (of text), seconds, peak_memory_bytes.\n";
  }
  void add_options(Options& options) override {
    options.add("--model", model_, fmt::format("{}", fmt::join(models(), ", "))).required().one_of(models());
    options.add("--vocab-size", vocab_size_, "tokens, special ones included; not for char")
        .range(1, kMaxVocabularySize);
    options.add("--data", data_, "text: files, or folders of .txt files").required();
    options.add("--out", out_, "the folder to write").required();
    options.add("--format", format_, "json or sentencepiece").one_of({"json", kSentencePiece});
    options.add("--min-frequency", min_frequency_, "leave out what is rarer: pairs that would be merged, words")
        .range(1);
    options.add("--special-tokens", special_tokens_, "further special tokens");
    options.add("--lowercase,!--no-lowercase", lowercase_, "lower the case of letters; without it case is kept")
        .excludes("--normalization");
    options.add("--initial-alphabet", initial_alphabet_, "characters that are tokens whether the text has them or not");
    options.add("--limit-alphabet", limit_alphabet_, "at most so many characters are tokens, the most frequent")
        .range(1);
    options.add("--character-coverage", character_coverage_, "the share of the text's characters that are tokens")
        .between(0, 1);
    options.add("--max-token-length", max_token_length_, "the most characters of a token; of bytebpe bytes").range(1);
    options.add("--byte-fallback", byte_fallback_, "what is no token is spelled by the tokens <0x00> to <0xFF>");
    options.add("--user-defined-symbols", user_defined_symbols_, "tokens that are never cut nor joined");
    options.add("--normalization", normalization_, fmt::format("{}", fmt::join(kRules, ", "))).one_of(kRules);
    options.add("--max-sentence-length", max_sentence_length_, "bytes; longer lines are left out (4192)")
        .range(10, std::uint64_t{1} << 30);
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
        throw UsageError(of_flags(one_line(error)));
      }
    }
    std::cerr << left_out_;
    if (vocab_size_ && model_ != "char" && tokenizer->vocab_size() < *vocab_size_) {
      std::cerr << fmt::format("note: --vocab-size {}: the text gives {} tokens\n", *vocab_size_,
                               tokenizer->vocab_size());
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
  /// What a trainer has against its options, with the flags' names; for a vocabulary that is too small, what makes less
  /// of it necessary.
  std::string of_flags(std::string what) const {
    const std::string field = "vocab_size is ";
    if (!what.starts_with(field)) return what;
    what.replace(0, field.size(), "--vocab-size ");
    const bool limits = model_ == "bpe" || model_ == "wordpiece";
    if (limits && !limit_alphabet_) what += " (--limit-alphabet takes the most frequent characters only)";
    return what;
  }

  void check() const {
    if (out_.empty()) throw UsageError("--out: the name is empty");
    if (fs::exists(out_) && !fs::is_directory(out_)) {
      throw UsageError(fmt::format("--out {}: is a file; the tokenizer needs a folder", out_));
    }
    const bool json = format_ != kSentencePiece;
    if (!vocab_size_ && (model_ != "char" || !json))
      throw UsageError("--vocab-size is missing: how many tokens to learn");
    if (!json && find_sentencepiece_kind(model_) == nullptr) {
      throw UsageError(fmt::format("--format sentencepiece: there is no such file for --model {}", model_));
    }
    using Models = std::vector<std::string>;
    const Models all = {"unigram", "bpe", "word", "char"};
    const struct {
      const char* flag;
      bool given;
      Models json, sentencepiece;  // that it says something to
    } uses[] = {
        {"--lowercase", lowercase_, {"bpe", "wordpiece", "unigram", "word"}, all},
        {"--min-frequency", min_frequency_.has_value(), {"bytebpe", "bpe", "wordpiece", "word", "byteword"}, {}},
        {"--initial-alphabet", !initial_alphabet_.empty(), {"bpe", "wordpiece", "unigram"}, {}},
        {"--limit-alphabet", limit_alphabet_.has_value(), {"bpe", "wordpiece"}, {}},
        {"--character-coverage", character_coverage_.has_value(), {"unigram"}, all},
        {"--max-token-length", max_token_length_.has_value(), {"bytebpe", "bpe", "unigram"}, {"bpe", "unigram"}},
        {"--byte-fallback", byte_fallback_, {"bpe", "unigram"}, {"bpe", "unigram"}},
        {"--user-defined-symbols", !user_defined_symbols_.empty(), {}, all},
        {"--normalization", normalization_.has_value(), {}, all},
        {"--max-sentence-length", max_sentence_length_.has_value(), {}, all},
    };
    for (const auto& use : uses) {
      const Models& models = json ? use.json : use.sentencepiece;
      if (!use.given || std::find(models.begin(), models.end(), model_) != models.end()) continue;
      throw UsageError(
          fmt::format("{}: says nothing to --model {}{}", use.flag, model_, json ? "" : " in --format sentencepiece"));
    }
    for (const auto& token : special_tokens_) {
      if (token.empty()) throw UsageError("--special-tokens: a token is empty");
    }
    if (!is_valid_utf8(initial_alphabet_)) throw UsageError("--initial-alphabet: is not UTF-8");
  }

  std::unique_ptr<Tokenizer> train(const TextSource& texts, std::size_t threads, const ProgressCallback& progress) {
    if (format_ == kSentencePiece) return train_sentencepiece_file(texts, progress);
    PipelineTrainerOptions options;
    options.vocab_size = vocab_size_.value_or(0);
    options.min_frequency = min_frequency_.value_or(0);
    if (model_ == "bytebpe") options.special_tokens = {"<|endoftext|>"};
    for (const auto& token : special_tokens_) add_once(options.special_tokens, token);
    options.initial_alphabet = initial_alphabet_;
    options.limit_alphabet = limit_alphabet_;
    options.character_coverage = character_coverage_.value_or(options.character_coverage);
    options.max_token_length = max_token_length_;
    options.byte_fallback = byte_fallback_;
    options.lowercase = lowercase_;
    options.threads = threads;
    options.progress = progress;
    auto tokenizer = find_trainer_kind(model_)->train(texts, options);
    if (vocab_size_) require_room(*tokenizer, *vocab_size_);
    return tokenizer;
  }

  std::unique_ptr<Tokenizer> train_sentencepiece_file(const TextSource& texts, const ProgressCallback& progress) {
    SentencePieceTrainerOptions options;
    options.model_type = *find_sentencepiece_kind(model_)->sentencepiece;
    options.vocab_size = vocab_size_.value_or(0);
    options.control_symbols = special_tokens_;
    options.user_defined_symbols = user_defined_symbols_;
    options.byte_fallback = byte_fallback_;
    options.character_coverage = character_coverage_.value_or(options.character_coverage);
    options.max_sentencepiece_length = max_token_length_.value_or(options.max_sentencepiece_length);
    options.max_sentence_length = max_sentence_length_.value_or(options.max_sentence_length);
    options.normalization_rule_name = normalization_.value_or(lowercase_ ? "nmt_nfkc_cf" : "nmt_nfkc");
    options.left_out = [this, most = options.max_sentence_length](std::uint64_t lines, std::uint64_t bytes) {
      left_out_ = fmt::format(
          "left out: {} lines, {}B, that are longer than {} bytes (--max-sentence-length) or hold "
          "U+2585\n",
          lines, with_unit(static_cast<double>(bytes)), most);
    };
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
  std::vector<std::string> data_, special_tokens_, user_defined_symbols_;
  std::string initial_alphabet_;
  std::optional<std::string> normalization_;
  std::optional<double> character_coverage_;
  std::optional<std::size_t> vocab_size_, limit_alphabet_, max_token_length_, max_sentence_length_;
  std::optional<std::uint64_t> min_frequency_;
  bool lowercase_ = false, byte_fallback_ = false;
  std::string left_out_;  // a message
};

}  // namespace

std::unique_ptr<Verb> train_verb() {
  return std::make_unique<TrainVerb>();
}

}  // namespace langzoo
