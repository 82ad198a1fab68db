#include "apps/training/pair_corpus.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "apps/training/saved_run.h"
#include "apps/training/sentence_tokens.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "data/microworld/korean.h"
#include "data/synthetic/addition.h"
#include "data/synthetic/dates.h"
#include "data/text/fingerprint.h"
#include "tokenizers/directory.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

const std::string kMicroworldKorean = "microworld-ko";
const std::vector<std::string> kTasks = {"addition", "dates", kMicroworldKorean};
constexpr const char* kFormatFile = "task.json";
constexpr std::uint64_t kMostJsonBytes = std::uint64_t{1} << 24;

PairsOptions training_pairs(const PairCorpusOptions& o) {
  return {o.train, o.train_target, o.keep_padding, o.source_key, o.target_key, o.task_seed, o.task_pairs};
}
/// Of a task those that follow the training's: of sums none is among both.
PairsOptions validation_pairs(const PairCorpusOptions& o) {
  auto pairs = training_pairs(o);
  pairs.data = o.valid;
  pairs.target = o.valid_target;
  pairs.task_skip = o.task_pairs;
  pairs.task_pairs = std::max<std::int64_t>(1, o.task_pairs / 10);
  return pairs;
}

/// What follows the first `skipped` pairs.
class LaterPairs : public SentencePairs {
 public:
  LaterPairs(std::unique_ptr<SentencePairs> pairs, std::int64_t skipped) : pairs_(std::move(pairs)), left_(skipped) {}
  bool next(SentencePair& pair) override {
    for (; left_ > 0; --left_) {
      if (!pairs_->next(pair)) return false;
    }
    return pairs_->next(pair);
  }
  std::string name() const override { return pairs_->name(); }

 private:
  std::unique_ptr<SentencePairs> pairs_;
  std::int64_t left_;
};

std::unique_ptr<SentencePairs> task_pairs(const PairsOptions& options, std::int64_t count) {
  if (options.data == "addition") return addition_pairs(options.task_seed, count, options.keep_padding);
  if (options.data == "dates") return date_pairs(options.task_seed, count, options.keep_padding);
  return microworld_korean_pairs(options.task_seed, count, MicroworldUnit::kEvent);
}

/// The sources, the targets or both of `pairs`, one text after another, up to kTokenizerTrainingBytes. Throws
/// std::runtime_error naming the line for one that is not UTF-8, where that is asked for.
TextSource texts_of(SentencePairs& pairs, bool sources, bool targets, bool utf8) {
  return [&pairs, sources, targets, utf8, pending = std::string(), has_pending = false,
          left = kTokenizerTrainingBytes](std::string& text) mutable {
    if (std::exchange(has_pending, false)) {
      text = std::move(pending);
      return true;
    }
    SentencePair pair;
    if (left == 0 || !pairs.next(pair)) return false;
    left -= std::min<std::uint64_t>(left, pair.source.size() + pair.target.size());
    for (const std::string_view side : {pair.source, pair.target}) {
      if (utf8 && !is_valid_utf8(side)) {
        throw std::runtime_error(fmt::format("{}: line {}: is not UTF-8", pairs.name(), pair.line));
      }
    }
    if (sources && targets) {
      pending = std::move(pair.target);
      has_pending = true;
    }
    text = std::move(sources ? pair.source : pair.target);
    return true;
  };
}

std::unique_ptr<Tokenizer> make_side(const TokenizerSpec& spec, const PairsOptions& data, bool sources, bool targets,
                                     const Message& message) {
  if (spec.kind.empty()) return make_tokenizer(spec, {}, {}, message);
  const auto pairs = open_pairs(data);
  const auto texts = texts_of(*pairs, sources, targets, /*utf8=*/!spec.takes_bytes());
  return make_tokenizer(spec, texts, {.special_tokens = sentence_tokens(spec)}, message);
}

TranslationTokenizers make_tokenizers(const PairCorpusOptions& options, const Message& message) {
  const auto source = parse_tokenizer_spec(options.tokenizer, "data.tokenizer");
  const auto data = training_pairs(options);
  if (options.target_tokenizer.empty()) {
    if (source.kind.empty()) return TranslationTokenizers::open(source.text);
    return {make_side(source, data, true, true, message), nullptr};
  }
  const auto target = parse_tokenizer_spec(options.target_tokenizer, "data.target_tokenizer");
  auto made = make_side(source, data, true, false, message);
  return {std::move(made),
          target.kind.empty() ? load_target_tokenizer(target.text) : make_side(target, data, false, true, message)};
}

/// Those that an earlier part of the run saved in `dir`, else new ones.
TranslationTokenizers open_tokenizers(const PairCorpusOptions& options, const fs::path& dir, const Message& message) {
  if (has_tokenizer(dir)) {
    const auto target_dir = dir / kTargetTokenizerDir;
    if (!options.target_tokenizer.empty() && !has_tokenizer(target_dir)) {
      throw FileError(target_dir, "holds no tokenizer, but the run has one of its own for the targets");
    }
    return TranslationTokenizers::load(dir);
  }
  auto made = make_tokenizers(options, message);
  made.save(dir);
  return made;
}

ParallelCorpus read_corpus(const PairsOptions& data, const TranslationTokenizers& tokenizers,
                           const PairCorpusOptions& options, const Message& message) {
  const auto pairs = open_pairs(data);
  ParallelCorpusOptions limits;
  limits.max_source = options.max_source;
  limits.max_target = options.max_target;
  limits.keep_texts = options.keep_texts;
  auto corpus = ParallelCorpus::read(*pairs, tokenizers.source(), tokenizers.target(), limits);
  message(fmt::format("{}: {} pairs, {} + {} tokens", pairs->name(), corpus.size(), corpus.source_tokens(),
                      corpus.target_tokens()));
  if (const auto what = pairs->left_out(); !what.empty()) message(fmt::format("left out: {}", what));
  if (corpus.empty() > 0) message(fmt::format("left out: {} pairs of which a side is empty", corpus.empty()));
  if (corpus.too_long() > 0) {
    message(fmt::format("left out: {} pairs of more than {} source or {} target tokens", corpus.too_long(),
                        options.max_source, options.max_target));
  }
  return corpus;
}

/// The pairs [begin, end).
ParallelCorpus part_of(const ParallelCorpus& corpus, std::int64_t begin, std::int64_t end) {
  ParallelCorpus part;
  for (std::int64_t i = begin; i < end; ++i) part.add_pair_of(corpus, i);
  return part;
}

/// Sets the last part of the training pairs aside.
void split_validation(PairCorpus& corpus, const PairCorpusOptions& options) {
  const auto size = corpus.train.size();
  const auto kept = static_cast<std::int64_t>(static_cast<double>(size) * (1 - options.valid_fraction));
  if (kept == size) return;
  if (kept == 0) {
    throw std::runtime_error(
        fmt::format("{}: {} pairs are too few to set some aside for validation", options.train, size));
  }
  corpus.valid = part_of(corpus.train, kept, size);
  corpus.train = part_of(corpus.train, 0, kept);
}

void check(const PairCorpusOptions& options) {
  if (options.train.empty()) {
    throw ConfigError("data.train is missing: a file of sentence pairs, addition, dates or microworld-ko");
  }
  if (options.valid.empty() && !options.valid_target.empty()) throw ConfigError("data.valid_target without data.valid");
  try {
    check_fields(options, "data");
  } catch (const std::invalid_argument& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace

bool is_pair_task(const std::string& data) {
  return std::find(kTasks.begin(), kTasks.end(), data) != kTasks.end();
}

bool may_be_json_lines(const std::string& data) {
  if (data.empty() || is_pair_task(data)) return false;
  std::error_code error;
  const bool pipe = data == "-" || (fs::exists(data, error) && !fs::is_regular_file(data, error));
  if (pipe || fs::path(data).extension() == ".jsonl") return true;
  try {
    FileLines lines(data);
    for (std::string_view line; lines.next(line);) {
      if (!line.empty()) return line.front() == '{' && line.back() == '}';
    }
  } catch (const FileError&) {  // whoever reads it says so
  }
  return false;
}

void PairCorpusOptions::for_each_field(FieldVisitor& visit) {
  static const std::string tokenizers = tokenizer_spec_help();
  visit("train", train,
        {.help = "pairs: TSV (source TAB target), JSON lines, the book's source_target lines; addition, dates or "
                 "microworld-ko; with data.train_target the sources, one a line"});
  visit("train_target", train_target, {.help = "the targets, one a line, where they have a file of their own"});
  visit("valid", valid, {.help = "as data.train; empty: the last part of it"});
  visit("valid_target", valid_target, {.help = "as data.train_target"});
  visit("tokenizer", tokenizer, {.help = tokenizers});
  visit("target_tokenizer", target_tokenizer, {.help = "the targets' own; empty: one for both sides"});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "set aside for validation where data.valid is empty"});
  visit("max_source", max_source, {.least = 0, .help = "tokens; longer pairs are left out; 0: no bound"});
  visit("max_target", max_target, {.least = 0, .help = "likewise"});
  visit("keep_padding", keep_padding, {.help = "source_target lines and tasks: keep the spaces that fill up"});
  visit("source_key", source_key, {.help = "JSON lines: the field of the source, \"en\" say"});
  visit("target_key", target_key, {.help = "likewise of the target"});
  visit("task_pairs", task_pairs,
        {.least = 1, .most = 1e9, .help = "pairs that addition, dates or microworld-ko make"});
  visit("task_seed", task_seed, {.help = "which pairs those are"});
}

void PairCorpusOptions::make_paths_absolute() {
  for (auto* data : {&train, &train_target, &valid, &valid_target}) {
    if (!is_pair_task(*data)) *data = absolute_if_there(*data);
  }
  for (auto* spec : {&tokenizer, &target_tokenizer}) *spec = absolute_tokenizer(*spec);
}

PairCorpus open_pair_corpus(const PairCorpusOptions& options, const fs::path& dir, const Message& message) {
  check(options);
  PairCorpus corpus;
  corpus.tokenizers = open_tokenizers(options, dir, message);
  corpus.train = read_corpus(training_pairs(options), corpus.tokenizers, options, message);
  if (options.valid.empty()) {
    split_validation(corpus, options);
  } else {
    corpus.valid = read_corpus(validation_pairs(options), corpus.tokenizers, options, message);
  }
  corpus.fingerprint =
      fmt::format("pairs {} {:016x} validation {:016x} tokenizers {:016x} {:016x}", corpus.train.size(),
                  corpus.train.fingerprint(), corpus.valid ? corpus.valid->fingerprint() : 0,
                  tokenizer_fingerprint(corpus.tokenizers.source()), tokenizer_fingerprint(corpus.tokenizers.target()));
  return corpus;
}

std::unique_ptr<SentencePairs> open_pairs(const PairsOptions& options) {
  if (is_pair_task(options.data)) {
    if (!options.target.empty()) {
      throw ConfigError(fmt::format("{} makes its own targets; it takes no file of them", options.data));
    }
    try {
      return std::make_unique<LaterPairs>(task_pairs(options, options.task_skip + options.task_pairs),
                                          options.task_skip);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(error.what());
    }
  }
  if (!options.target.empty()) return read_two_files(options.data, options.target);
  return open_parallel_text(options.data, options.keep_padding, options.source_key, options.target_key);
}

PairsOptions evaluation_pairs_defaults() {
  return {.task_pairs = 5'000, .task_skip = 50'000};
}

std::optional<std::vector<ReferenceAlignment>> reference_alignments(const PairsOptions& options, const fs::path& file,
                                                                    std::span<const SentencePair> pairs) {
  if (!file.empty()) return read_alignments(file, pairs);
  if (options.data != kMicroworldKorean) return std::nullopt;
  std::vector<ReferenceAlignment> alignments;
  for (const auto& pair : pairs) alignments.push_back(microworld_alignment(pair.source).value());
  return alignments;
}

void PairFormat::for_each_field(FieldVisitor& visit) {
  visit("keep_padding", keep_padding, {.help = "source_target lines and tasks: the spaces that fill up were kept"});
}

void PairFormat::save(const fs::path& dir) const {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  write_file_atomically(dir / kFormatFile, write_fields(*this));
}

PairFormat PairFormat::load(const fs::path& dir) {
  PairFormat format;
  if (const auto path = dir / kFormatFile; fs::exists(path)) {
    const auto unknown = read_fields(format, read_file(path, kMostJsonBytes), path.string());
    if (!unknown.empty()) throw FileError(path, "unknown key " + unknown.front() + "; there is keep_padding");
    return format;
  }
  read_run_section(dir, "data", format);
  return format;
}

PairsOptions evaluation_pairs_of(const fs::path& dir) {
  PairCorpusOptions run;
  read_run_section(dir, "data", run);
  auto pairs = evaluation_pairs_defaults();
  pairs.keep_padding = PairFormat::load(dir).keep_padding;
  pairs.task_seed = run.task_seed;
  pairs.task_skip = run.task_pairs;
  return pairs;
}

}  // namespace langzoo
