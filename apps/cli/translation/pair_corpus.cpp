#include "apps/cli/translation/pair_corpus.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/tokenizer_spec.h"
#include "data/files/files.h"
#include "data/microworld/korean.h"
#include "data/synthetic/addition.h"
#include "data/synthetic/dates.h"
#include "tokenizers/char_level.h"
#include "tokenizers/trainers/byte_level_bpe_trainer.h"
#include "tokenizers/trainers/char_trainer.h"
#include "tokenizers/trainers/pipeline_trainer.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

const std::string kMicroworldKorean = "microworld-ko";
const std::vector<std::string> kTasks = {"addition", "dates", kMicroworldKorean};
/// A vocabulary is trained on this much text at most: more changes little.
constexpr std::size_t kTokenizerBytes = std::size_t{256} << 20;

bool is_task(const std::string& data) {
  return std::find(kTasks.begin(), kTasks.end(), data) != kTasks.end();
}

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

/// The sources, the targets or both of `pairs`, one text after another. Throws std::runtime_error naming the line for
/// one that is not UTF-8, where that is asked for.
TextSource texts_of(SentencePairs& pairs, bool sources, bool targets, bool utf8) {
  return [&pairs, sources, targets, utf8, pending = std::string(), has_pending = false,
          left = kTokenizerBytes](std::string& text) mutable {
    if (std::exchange(has_pending, false)) {
      text = std::move(pending);
      return true;
    }
    SentencePair pair;
    if (left == 0 || !pairs.next(pair)) return false;
    left -= std::min(left, pair.source.size() + pair.target.size());
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

/// Characters, with the tokens that sentences need.
std::unique_ptr<Tokenizer> sentence_characters(const TextSource& texts) {
  CharTrainerOptions options;
  options.special_tokens = {"<pad>", "<s>", "</s>", "<unk>"};
  auto model = train_char_level(texts, options)->model();
  const auto id = [&](std::size_t i) { return model.added_tokens[i].id; };
  model.special_tokens = {.bos = id(1), .eos = id(2), .unk = id(3), .pad = id(0)};
  model.unk = id(3);
  return std::make_unique<CharLevel>(std::move(model));
}

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerSpec& spec, const PairsOptions& data, bool sources,
                                          bool targets, const Message& message) {
  if (spec.kind.empty()) return load_tokenizer(spec.text);
  const auto pairs = open_pairs(data);
  const bool bytes = spec.kind == "bytebpe" || spec.kind == "byteword";
  const auto texts = texts_of(*pairs, sources, targets, /*utf8=*/!bytes);
  if (spec.kind == "char") return sentence_characters(texts);
  message(fmt::format("training a {} tokenizer of {} tokens", spec.kind, spec.vocab_size));
  const auto threads = std::max(1U, std::thread::hardware_concurrency());
  if (spec.kind == "bytebpe") {
    ByteLevelBpeTrainerOptions options;
    options.vocab_size = spec.vocab_size;
    options.threads = threads;
    return train_byte_level_bpe(texts, options);
  }
  PipelineTrainerOptions options;
  options.vocab_size = spec.vocab_size;
  options.threads = threads;
  options.special_tokens = {"<s>", "</s>", "<pad>"};
  if (spec.kind == "word") return train_word_level(texts, options);
  if (spec.kind == "byteword") return train_byte_level_words(texts, options);
  return train_unigram(texts, options);
}

TranslationTokenizers make_tokenizers(const PairCorpusOptions& options, const Message& message) {
  const std::vector<std::string> kinds = {"bytebpe", "unigram", "word", "byteword"};
  const auto source = parse_tokenizer_spec(options.tokenizer, "data.tokenizer", kinds);
  const auto data = training_pairs(options);
  if (options.target_tokenizer.empty()) return {make_tokenizer(source, data, true, true, message), nullptr};
  const auto target = parse_tokenizer_spec(options.target_tokenizer, "data.target_tokenizer", kinds);
  auto made = make_tokenizer(source, data, true, false, message);
  return {std::move(made), make_tokenizer(target, data, false, true, message)};
}

ParallelCorpus read_corpus(const PairsOptions& data, const TranslationTokenizers& tokenizers,
                           const PairCorpusOptions& options, const Message& message) {
  const auto pairs = open_pairs(data);
  ParallelCorpusOptions limits;
  limits.max_source = options.max_source;
  limits.max_target = options.max_target;
  auto corpus = ParallelCorpus::read(*pairs, tokenizers.source(), tokenizers.target(), limits);
  message(fmt::format("{}: {} pairs, {} + {} tokens", pairs->name(), corpus.size(), corpus.source_tokens(),
                      corpus.target_tokens()));
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
  for (std::int64_t i = begin; i < end; ++i) part.add(corpus.source(i), corpus.target(i));
  return part;
}

}  // namespace

void PairCorpusOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train,
        {.help = "pairs: TSV (source TAB target), JSON lines, the book's source_target lines; addition, dates or "
                 "microworld-ko; with data.train_target the sources, one a line"});
  visit("train_target", train_target, {.help = "the targets, one a line, where they have a file of their own"});
  visit("valid", valid, {.help = "as data.train; empty: the last part of it"});
  visit("valid_target", valid_target, {.help = "as data.train_target"});
  visit("tokenizer", tokenizer,
        {.help = "char, train:bytebpe:N, train:unigram:N, train:word:N, train:byteword:N or a path"});
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

CLI::Option* add_pairs_flags(CLI::App& app, PairsOptions& options) {
  auto* data = app.add_option("--data", options.data, "pairs as in train; with --target their sources");
  app.add_option("--target", options.target, "the targets, one a line, where they have a file of their own")
      ->needs(data);
  app.add_flag("--keep-padding", options.keep_padding,
               "source_target lines and tasks: keep the spaces that fill up; a model trained so does by itself");
  app.add_option("--source-key", options.source_key, "JSON lines: the field of the source")->capture_default_str();
  app.add_option("--target-key", options.target_key, "likewise of the target")->capture_default_str();
  return data;
}

bool trained_with_padding(const fs::path& dir) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
  for (const auto& path : {dir / "run.json", dir / ".." / "run.json"}) {
    if (!fs::exists(path)) continue;
    const auto run = nlohmann::json::parse(read_file(path, kMost), nullptr, /*allow_exceptions=*/false);
    const auto padding =
        run.is_object() ? run.value(nlohmann::json::json_pointer("/data/keep_padding"), nlohmann::json()) : run;
    return padding.is_boolean() && padding.get<bool>();
  }
  return false;
}

std::unique_ptr<SentencePairs> open_pairs(const PairsOptions& options) {
  if (is_task(options.data)) {
    if (!options.target.empty()) {
      throw UsageError(fmt::format("{} makes its own targets; it takes no file of them", options.data));
    }
    try {
      return std::make_unique<LaterPairs>(task_pairs(options, options.task_skip + options.task_pairs),
                                          options.task_skip);
    } catch (const std::invalid_argument& error) {
      throw UsageError(error.what());
    }
  }
  if (!options.target.empty()) return read_two_files(options.data, options.target);
  const bool json_lines = std::filesystem::path(options.data).extension() == ".jsonl";
  return json_lines ? read_json_lines(options.data, options.source_key, options.target_key)
                    : open_parallel_text(options.data, options.keep_padding);
}

std::optional<std::vector<ReferenceAlignment>> reference_alignments(const PairsOptions& options, const fs::path& file,
                                                                    std::span<const SentencePair> pairs) {
  if (!file.empty()) return read_alignments(file, pairs);
  if (options.data != kMicroworldKorean) return std::nullopt;
  std::vector<ReferenceAlignment> alignments;
  for (const auto& pair : pairs) alignments.push_back(microworld_alignment(pair.source).value());
  return alignments;
}

PairCorpus open_pair_corpus(const PairCorpusOptions& options, const fs::path& dir, const Message& message) {
  if (options.train.empty()) {
    throw UsageError("--data is missing: a file of sentence pairs, addition, dates or microworld-ko");
  }
  if (options.valid.empty() && !options.valid_target.empty()) throw UsageError("data.valid_target without data.valid");
  PairCorpus corpus;
  if (TranslationTokenizers::exist_in(dir)) {
    corpus.tokenizers = TranslationTokenizers::load(dir);
  } else {
    corpus.tokenizers = make_tokenizers(options, message);
    corpus.tokenizers.save(dir);
  }
  corpus.train = read_corpus(training_pairs(options), corpus.tokenizers, options, message);
  if (!options.valid.empty()) {
    corpus.valid = read_corpus(validation_pairs(options), corpus.tokenizers, options, message);
    return corpus;
  }
  const auto size = corpus.train.size();
  const auto kept = static_cast<std::int64_t>(static_cast<double>(size) * (1 - options.valid_fraction));
  if (kept == size) return corpus;
  if (kept == 0) {
    throw std::runtime_error(
        fmt::format("{}: {} pairs are too few to set some aside for validation", options.train, size));
  }
  corpus.valid = part_of(corpus.train, kept, size);
  corpus.train = part_of(corpus.train, 0, kept);
  return corpus;
}

}  // namespace langzoo
