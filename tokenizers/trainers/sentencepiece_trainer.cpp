#include "tokenizers/trainers/sentencepiece_trainer.h"

#include <algorithm>
#include <array>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sentencepiece_model.pb.h>
#include <sentencepiece_trainer.h>

#include "tokenizers/added_tokens.h"
#include "tokenizers/sentencepiece_library.h"
#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/sentencepiece_normalizer.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kLinesBetweenReports = 10'000;

constexpr std::string_view kReserved = "\xE2\x96\x85";  // U+2585

/// What lines become before libsentencepiece learns from them.
SentencePieceModel normalization(sentencepiece::NormalizerSpec spec) {
  const auto status = sentencepiece::SentencePieceTrainer::PopulateNormalizerSpec(&spec);
  if (!status.ok()) throw std::runtime_error("sentencepiece: " + message_of(status));
  SentencePieceModel model;
  model.charsmap_bytes = spec.precompiled_charsmap();
  model.charsmap = SentencePieceCharsmap(model.charsmap_bytes);
  return model;
}

/// The lines of the texts, as libsentencepiece asks for them.
class Lines : public sentencepiece::SentenceIterator {
 public:
  Lines(const SentencePieceTextSource& next, const SentencePieceTrainerOptions& options,
        const sentencepiece::NormalizerSpec& normalizer)
      : next_(next), options_(options), model_(normalization(normalizer)), normalizer_(model_) {
    Next();
  }

  bool done() const override { return done_; }
  const std::string& value() const override { return line_; }
  /// libsentencepiece ends the process where no line holds anything.
  sentencepiece::util::Status status() const override {
    if (has_text_) return {};
    return {sentencepiece::util::StatusCode::kInvalidArgument,
            fmt::format("there is no text to learn from: of {} lines {} are too long, the others empty or white space",
                        lines_, left_out_)};
  }
  std::uint64_t left_out() const { return left_out_; }
  std::uint64_t bytes_left_out() const { return bytes_left_out_; }

  void Next() override {
    while (read_line()) {
      if (line_.size() <= options_.max_sentence_length && line_.find(kReserved) == std::string::npos) {
        has_text_ = has_text_ || holds_text();
        return;
      }
      ++left_out_;
      bytes_left_out_ += line_.size();
    }
    done_ = true;
    if (options_.progress) options_.progress(lines_);
  }

 private:
  bool read_line() {
    while (begin_ >= text_.size()) {
      begin_ = 0;
      text_.clear();
      if (!next_(text_)) return false;
    }
    const std::size_t end = std::min(text_.find('\n', begin_), text_.size());
    line_.assign(text_, begin_, end - begin_);
    begin_ = end + 1;
    if (++lines_ % kLinesBetweenReports == 0 && options_.progress) options_.progress(lines_);
    return true;
  }

  bool holds_text() const {
    SentencePieceNormalizer::Progress progress;
    std::string normalized;
    normalizer_.normalize(line_, progress, normalized);
    normalizer_.finish(normalized);
    return !normalized.empty();
  }

  const SentencePieceTextSource& next_;
  const SentencePieceTrainerOptions& options_;
  SentencePieceModel model_;
  SentencePieceNormalizer normalizer_;
  std::string text_, line_;
  std::size_t begin_ = 0;
  std::uint64_t lines_ = 0, left_out_ = 0, bytes_left_out_ = 0;
  bool has_text_ = false, done_ = false;
};

void check(const SentencePieceTrainerOptions& options) {
  static constexpr std::array<std::string_view, 5> kRules = {"nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"};
  if (options.vocab_size == 0 || options.vocab_size > kMaxVocabularySize) {
    throw std::invalid_argument(
        fmt::format("vocab_size is {}, expected 1 to {}", options.vocab_size, kMaxVocabularySize));
  }
  if (!(options.character_coverage >= 0.98 && options.character_coverage <= 1.0)) {
    throw std::invalid_argument(
        fmt::format("character_coverage is {}, expected 0.98 to 1", options.character_coverage));
  }
  if (std::find(kRules.begin(), kRules.end(), options.normalization_rule_name) == kRules.end()) {
    throw std::invalid_argument(
        fmt::format("normalization_rule_name is '{}', expected nmt_nfkc, nfkc, nmt_nfkc_cf, nfkc_cf or identity",
                    options.normalization_rule_name));
  }
  const auto within = [](const char* name, std::size_t value, std::size_t least, std::size_t most) {
    if (value < least || value > most) {
      throw std::invalid_argument(fmt::format("{} is {}, expected {} to {}", name, value, least, most));
    }
  };
  within("max_sentencepiece_length", options.max_sentencepiece_length, 1, 512);
  within("max_sentence_length", options.max_sentence_length, 10, std::size_t{1} << 30);
  for (const std::optional<TokenId> id :
       {std::optional(options.unk_id), options.bos_id, options.eos_id, options.pad_id}) {
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= options.vocab_size)) {
      throw std::invalid_argument(
          fmt::format("vocab_size is {}, too few for the special token with the id {}", options.vocab_size, *id));
    }
  }
  for (const auto* symbols : {&options.control_symbols, &options.user_defined_symbols}) {
    for (const std::string& symbol : *symbols) {
      if (symbol.empty() || !is_valid_utf8(symbol) || symbol.find('\0') != std::string::npos) {
        throw std::invalid_argument("a control or user-defined symbol is empty or no UTF-8");
      }
    }
  }
}

sentencepiece::TrainerSpec trainer_spec(const SentencePieceTrainerOptions& options) {
  using Spec = sentencepiece::TrainerSpec;
  static constexpr std::array kTypes = {Spec::UNIGRAM, Spec::BPE, Spec::WORD, Spec::CHAR};
  Spec spec;
  spec.set_model_type(kTypes[static_cast<std::size_t>(options.model_type)]);
  spec.set_vocab_size(static_cast<std::int32_t>(options.vocab_size));
  spec.set_character_coverage(static_cast<float>(options.character_coverage));
  spec.set_byte_fallback(options.byte_fallback);
  spec.set_max_sentencepiece_length(static_cast<std::int32_t>(options.max_sentencepiece_length));
  spec.set_max_sentence_length(static_cast<std::int32_t>(options.max_sentence_length));
  spec.set_unk_id(options.unk_id);
  spec.set_bos_id(options.bos_id.value_or(-1));
  spec.set_eos_id(options.eos_id.value_or(-1));
  spec.set_pad_id(options.pad_id.value_or(-1));
  for (const std::string& symbol : options.control_symbols) spec.add_control_symbols(symbol);
  for (const std::string& symbol : options.user_defined_symbols) spec.add_user_defined_symbols(symbol);
  return spec;
}

/// What libsentencepiece says of a vocabulary names its own flags.
[[noreturn]] void refuse(const sentencepiece::util::Status& status, const SentencePieceTrainerOptions& options) {
  static const std::regex kTooSmall(R"(Vocabulary size is smaller than required_chars\. \d+ vs (\d+).*)");
  static const std::regex kTooLarge(R"(Vocabulary size too high .*value <= (\d+).*)");
  const std::string what = message_of(status);
  std::smatch parts;
  if (std::regex_match(what, parts, kTooSmall)) {
    throw std::invalid_argument(
        fmt::format("vocab_size is {}, expected at least {}: the special tokens and the text's characters alone are so "
                    "many",
                    options.vocab_size, parts[1].str()));
  }
  if (std::regex_match(what, parts, kTooLarge)) {
    throw std::invalid_argument(fmt::format("vocab_size is {}, expected at most {}: the text has no more pieces",
                                            options.vocab_size, parts[1].str()));
  }
  throw std::runtime_error("sentencepiece cannot train: " + what);
}

}  // namespace

std::unique_ptr<SentencePiece> train_sentencepiece(const SentencePieceTextSource& next,
                                                   const SentencePieceTrainerOptions& options) {
  check(options);
  silence_sentencepiece();
  sentencepiece::NormalizerSpec normalizer;
  normalizer.set_name(options.normalization_rule_name);
  Lines lines(next, options, normalizer);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(trainer_spec(options), normalizer, &lines, &model);
  if (!status.ok()) refuse(status, options);
  if (lines.left_out() > 0 && options.left_out) options.left_out(lines.left_out(), lines.bytes_left_out());
  return std::make_unique<SentencePiece>(std::move(model), "<trained>");
}

}  // namespace langzoo
