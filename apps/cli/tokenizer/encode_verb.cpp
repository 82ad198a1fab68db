#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/tokenizer/encoding_json.h"
#include "apps/cli/tokenizer/input.h"
#include "apps/cli/tokenizer/verbs.h"
#include "data/files/numbers.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kMostTokens = std::uint64_t{1} << 30;

const std::vector<std::pair<std::string, Truncation::Strategy>> kStrategies = {
    {"longest_first", Truncation::Strategy::LongestFirst},
    {"only_first", Truncation::Strategy::OnlyFirst},
    {"only_second", Truncation::Strategy::OnlySecond}};

class EncodeVerb : public Verb {
 public:
  std::string name() const override { return "encode"; }
  std::string summary() const override { return "text to ids"; }
  std::string examples() const override {
    return "encode --tokenizer bert --text \"Hello, world!\" --json\n"
           "encode --tokenizer bert book.txt --max-length 512 > ids.txt\n"
           "encode --tokenizer bert --jsonl questions.jsonl --max-length 384 --truncation only_second --stride 128 "
           "--json\n"
           "encode --tokenizer gpt2 book.txt --stats --threads 2\n"
           "echo \"one text a line\" | {program} encode --tokenizer gpt2\n";
  }
  std::string notes() const override {
    return "Without --text, FILE and --jsonl the texts come from stdin, one a line. Without --json a line holds the "
           "ids "
           "of\n"
           "one text, or of one window of it. Fields under --json: ids, tokens, offsets (in characters of the text "
           "the\n"
           "token is from), type_ids, word_ids and sequence_ids (null: of no word, of no text), special_tokens_mask;\n"
           "attention_mask where there is padding; overflowing, a list of such objects, where truncation leaves "
           "further\n"
           "windows. A tokenizer.json's own truncation and padding hold unless flags say otherwise.\n";
  }

  void add_options(Options& options) override {
    options.add("--tokenizer", path_, "a tokenizer's folder or file").required();
    input_.add_options(options);
    options.add("--tokens", tokens_, "print tokens, not ids").excludes("--stats");
    options.add("--stats", stats_, "print {texts, tokens, bytes} instead; with --skip-errors skipped too");
    options.add("--no-special-tokens", no_special_tokens_, "do not add [CLS] and the like");
    options.add("--split-special-tokens", options_.split_special_tokens,
                "read special tokens that stand in the text as text");
    options.add("--max-length", max_length_, "the most tokens, special ones included").range(1, kMostTokens);
    options.add("--no-truncation", no_truncation_, "not the tokenizer's own either").excludes("--max-length");
    options
        .add("--truncation", strategy_, kStrategies, "what of a pair is cut: longest_first, only_first or only_second")
        .needs("--max-length");
    options.add("--stride", stride_, "tokens that two windows share").range(0, kMostTokens).needs("--max-length");
    options.add("--pad", pad_, "fill up to this many tokens, or to the longest text (longest)");
    options.add("--pad-side", pad_side_, {{"left", Side::Left}, {"right", Side::Right}}, "left or right")
        .needs("--pad");
    options.add("--pad-to-multiple-of", multiple_, "fill up further, to a multiple of this").range(1, kMostTokens);
    options.add("--no-padding", no_padding_, "not the tokenizer's own either")
        .excludes("--pad")
        .excludes("--pad-to-multiple-of");
    errors_.add_options(options);
    options.add("--sample", sample_, "a random segmentation, drawn by --seed");
    options.idle_where("--seed", "nothing is drawn", [this] { return !sample_; });
    options.add("--dropout", sampling_.bpe_dropout, "BPE: the probability that a merge is left out")
        .between(0, 1)
        .needs("--sample");
    options.add("--alpha", sampling_.unigram_alpha, "Unigram: above 0; the smaller, the more random").needs("--sample");
  }

  bool heeds_seed() const override { return true; }
  void run(const CommonOptions& common) override {
    input_.check();
    if (tokens_ && common.json) throw UsageError("--tokens and --json: the objects have both ids and tokens");
    TextBatches batches(input_, errors_);
    tokenizer_ = load_tokenizer(path_);
    threads_ = sample_ ? 1 : threads_of(common);
    options_.add_special_tokens = !no_special_tokens_;
    options_.truncation = truncation();
    options_.own_truncation = !no_truncation_;
    options_.own_padding = !no_padding_;
    options_.padding = padding();
    options_.tokens = tokens_ || common.json;
    if (sample_) {
      if (!(sampling_.unigram_alpha > 0)) throw UsageError("--alpha: must be above 0");
      sampling_.state = common.seed_or(0);
      options_.sampling = &sampling_;
    }
    if (stats_) {
      print_stats(batches);
    } else if (pad_ == kLongest) {
      print_padded(batches, common.json);
    } else {
      while (batches.next()) {
        std::vector<std::string> lines(batches.texts().size());
        for_each(batches, [&](std::size_t i) { lines[i] = line(encode(batches.texts()[i]), common.json); });
        for (const auto& line : lines) std::cout << line;
        std::cout.flush();
      }
    }
    errors_.report();
  }

 private:
  static constexpr const char* kLongest = "longest";

  std::optional<Truncation> truncation() const {
    if (!max_length_) return {};
    if (stride_ >= *max_length_) {
      throw UsageError(fmt::format("--stride {}: must be less than --max-length {}", stride_, *max_length_));
    }
    Truncation truncation;
    truncation.max_length = *max_length_;
    truncation.stride = stride_;
    truncation.strategy = strategy_;
    return truncation;
  }

  std::optional<Padding> padding() const {
    const auto& own = tokenizer_->rules().padding;
    if (pad_.empty()) {
      if (!multiple_) return {};
      if (!own) throw UsageError("--pad-to-multiple-of: needs --pad, the tokenizer having no padding of its own");
      auto padding = *own;
      padding.pad_to_multiple_of = *multiple_;
      return padding;
    }
    Padding padding;
    if (own) padding = *own;
    if (const auto id = tokenizer_->special_tokens().pad) {
      padding.pad_id = *id;
      padding.pad_token = tokenizer_->id_to_token(*id);
    } else if (!own) {
      throw UsageError(fmt::format("--pad: the tokenizer {} has no padding token", path_));
    }
    padding.length.reset();
    if (pad_ != kLongest) {
      std::size_t length = 0;
      if (read_number(pad_, length) != NumberFault::kNone || length < 1 || length > kMostTokens) {
        throw UsageError(
            fmt::format("--pad: {} is neither an integer from 1 to {} nor {}", pad_, kMostTokens, kLongest));
      }
      padding.length = length;
    }
    padding.side = pad_side_;
    if (multiple_) padding.pad_to_multiple_of = *multiple_;
    return padding;
  }

  Encoding encode(const TextPair& text) const {
    Encoding encoding =
        text.pair ? tokenizer_->encode_pair(text.text, *text.pair, options_) : tokenizer_->encode(text.text, options_);
    count_offsets_in_characters(encoding, text);
    return encoding;
  }

  /// Calls work(i) for the texts of a batch and returns which of them were not left out.
  template <class Work>
  std::vector<bool> for_each(const TextBatches& batches, const Work& work) {
    return errors_.for_each(
        batches.texts().size(), threads_, [&](std::size_t i) { return batches.where(i); }, work);
  }

  std::string line(const Encoding& encoding, bool json) const {
    if (json) return encoding_json(encoding, tokenizer_->padding_of(options_).has_value()) + "\n";
    auto line = tokens_ ? sanitize_utf8(fmt::format("{}\n", fmt::join(encoding.tokens, " ")))
                        : fmt::format("{}\n", fmt::join(encoding.ids, " "));
    for (const auto& window : encoding.overflowing) line += this->line(window, false);
    return line;
  }

  /// All texts have to be there before the longest is known.
  void print_padded(TextBatches& batches, bool json) {
    std::vector<Encoding> encodings;
    while (batches.next()) {
      std::vector<Encoding> batch(batches.texts().size());
      const auto done = for_each(batches, [&](std::size_t i) { batch[i] = encode(batches.texts()[i]); });
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (done[i]) encodings.push_back(std::move(batch[i]));
      }
    }
    pad(encodings, *options_.padding);
    for (const auto& encoding : encodings) std::cout << line(encoding, json);
  }

  void print_stats(TextBatches& batches) {
    std::uint64_t texts = 0, tokens = 0, bytes = 0;
    // The fast path for corpora gives ids alone.
    const bool ids_alone = !tokenizer_->truncation_of(options_) && !tokenizer_->padding_of(options_) &&
                           !options_.sampling && !options_.split_special_tokens && !errors_.skip() && !input_.pair &&
                           input_.jsonl.empty();
    const auto& post_processor = tokenizer_->rules().post_processor;
    const auto added = post_processor && !no_special_tokens_ ? post_processor->added_tokens(false) : 0;
    while (batches.next()) {
      const auto count = [&](const TextPair& text) {
        ++texts;
        bytes += text.text.size() + text.pair.value_or("").size();
      };
      if (ids_alone) {
        for (const auto& text : batches.texts()) count(text);
        tokens += count_ids(batches) + added * batches.texts().size();
        continue;
      }
      std::vector<std::size_t> sizes(batches.texts().size());
      const auto done = for_each(batches, [&](std::size_t i) { sizes[i] = encode(batches.texts()[i]).size(); });
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (done[i]) count(batches.texts()[i]);
        tokens += sizes[i];
      }
    }
    JsonMembers counts = {{"texts", texts}, {"tokens", tokens}, {"bytes", bytes}};
    if (errors_.skip()) counts.push_back({"skipped", errors_.skipped()});
    print_json(counts);
  }

  std::uint64_t count_ids(const TextBatches& batches) {
    std::vector<std::string_view> texts;
    for (const auto& text : batches.texts()) texts.push_back(text.text);
    std::uint64_t count = 0;
    try {
      for (const auto& ids : tokenizer_->encode_batch(texts, threads_)) count += ids.size();
    } catch (const std::runtime_error&) {
      for_each(batches, [&](std::size_t i) { encode(batches.texts()[i]); });  // names the line
      throw;
    }
    return count;
  }

  std::string path_;
  TokenizerInput input_;
  bool tokens_ = false, stats_ = false, no_special_tokens_ = false, sample_ = false;
  bool no_truncation_ = false, no_padding_ = false;
  std::optional<std::size_t> max_length_;
  std::size_t stride_ = 0;
  Truncation::Strategy strategy_ = Truncation::Strategy::LongestFirst;
  std::string pad_;
  Side pad_side_ = Side::Right;
  std::optional<std::size_t> multiple_;
  SubwordSampling sampling_;
  LineErrors errors_;

  std::unique_ptr<Tokenizer> tokenizer_;
  EncodeOptions options_;
  std::size_t threads_ = 1;
};

}  // namespace

std::unique_ptr<Verb> encode_verb() {
  return std::make_unique<EncodeVerb>();
}

}  // namespace langzoo
