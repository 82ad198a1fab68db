#include <algorithm>
#include <iostream>
#include <numeric>
#include <random>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/decoding_flags.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/text_to_text/verbs.h"
#include "apps/training/tasks/translation.h"
#include "data/files/file_error.h"
#include "models/generation/stop_strings.h"
#include "models/registry.h"

namespace langzoo {

namespace {

/// Texts that are read, answered and printed at a time: enough to find some of like length.
constexpr std::size_t kTextsAtOnce = 2048;
/// As transformers, where nobody says how many.
constexpr std::int64_t kUsualNewTokens = 20;

class TextGenerateVerb : public ComputeVerb {
 public:
  std::string name() const override { return "generate"; }
  std::string summary() const override { return "what the model writes for texts"; }
  std::string examples() const override {
    return "generate --model run --text \"translate English to German: She reads.\" --max-new-tokens 40\n"
           "generate --model run --data inputs.txt --num-beams 4 --json\n"
           "generate --model run --data inputs.txt --temperature 0.8 --top-p 0.9 --num-return-sequences 3 --json\n"
           "echo \"Anna took the <extra_id_0> home.\" | {program} generate --model run\n";
  }
  std::string notes() const override {
    return "Without --text and --data the texts come from stdin, one a line; a blank line stays blank. A text of more\n"
           "tokens than --max-source is cut there, which is said on stderr. Greedy search unless flags or the model\n"
           "folder's generation_config.json ask for something else; --temperature, --top-k, --top-p and --greedy also\n"
           "say that there are no beams. Sentinels (<extra_id_0>) are part of the text.\n"
           "Fields under --json: source, text, ids (an end token included, the start token not), score: the\n"
           "log-probability of the ids by their number, or with beams as --length-penalty says.\n"
           "Without it a text is a line: its line ends are blanks.\n";
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    add_model_folder(options, model_).required();
    options.add("--text", text_, "the text to answer");
    options.add("--data", data_, "a file of texts, one a line").excludes("--text");
    options.add("--max-source", max_source_, "tokens of the longest text, its end token included").range(2, 1 << 20);
    options.add("--skip-special-tokens", skip_special_tokens_, "leave sentinels and the like out of the text");
    options.add("--batch-size", batch_size_, "texts at a time; the results do not depend on it").range(1, 1 << 20);
    flags_.options.max_new_tokens = kUsualNewTokens;
    flags_.add_to(options, {.max_new_tokens = "the most tokens to write",
                            .temperature = "draw; below 1 bolder, 0 greedy",
                            .num_return_sequences = "samples, or best beams, of each text"});
    options.idle_where("--seed", "nothing is drawn", [this] { return !draws_; });
  }

  void compute(const ComputeOptions& common) override {
    flags_.options.seed = common.seed ? *common.seed : std::random_device()();
    json_ = common.json;
    check_flags();
    if (data_ && data_ != "-" && !std::filesystem::exists(*data_)) throw FileError(*data_, "does not exist");
    translator_ = load_and_report(model_, common, [&](const DeviceOptions& device, LoadReport* report) {
      return load_translator(registered_model(model_), model_, device, report);
    });
    ReplacedTexts replaced(translator_.tokenizers.source());
    replaced_ = &replaced;
    heed(translator_.model->generation_config);
    warn_of_idle(*declared_);
    if (text_) return answer({*text_}, [](std::size_t) { return std::string("--text"); });
    if (!data_ && isatty(STDIN_FILENO) == 1) {
      return converse(
          "text", [this](const std::string& line) { answer({line}, [](std::size_t) { return std::string("text"); }); });
    }
    LineBatches lines(data_.value_or(""));
    while (lines.next()) {
      const auto& all = lines.lines();
      for (std::size_t first = 0; first < all.size(); first += kTextsAtOnce) {
        const auto last = std::min(all.size(), first + kTextsAtOnce);
        answer({all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last)},
               [&](std::size_t i) { return lines.where(first + i); });
      }
    }
  }

 private:
  void check_flags() {
    auto options = flags_.before_folder();
    draws_ = flags_.draw() && !flags_.greedy() && !flags_.more_than_one_beam();
    options.sampling.greedy = !draws_;
    // How many sequences there may be, the folder decides as well.
    if (!flags_.more_than_one_beam() && !draws_) options.num_return_sequences = 1;
    check(options);
  }

  /// Throws UsageError naming the flag.
  void check(const GenerateOptions& options) const {
    flags_.check(options);
    if (!draws_) flags_.beam_options(options);
  }

  /// Takes from the folder what the flags leave open, and says so.
  void heed(GenerationConfig folder) {
    flags_.heed(folder);
    // Of max_length one is the decoder's start token.
    if (folder.max_length) folder.max_new_tokens = std::max<std::int64_t>(1, *folder.max_length - 1);
    draws_ = !flags_.more_than_one_beam() && !flags_.greedy() && (flags_.draw() || folder.do_sample == true);
    folder.apply_to(flags_.options);
    draws_ = draws_ && flags_.options.sampling.temperature != 0;
    flags_.options.sampling.greedy = !draws_;
    flags_.check_folder(folder, model_, [&] {
      check(flags_.options);
      flags_.options.check_vocabulary(translator_.model->target_vocab_size());
    });
  }

  template <class Where>
  void answer(const std::vector<std::string>& texts, const Where& where) {
    const auto& tokenizer = translator_.tokenizers.source();
    const auto most = std::min(max_source_ - (translator_.special.source_end ? 1 : 0), max_tokens(*translator_.model));
    std::vector<std::vector<TokenId>> sources(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!has_words(texts[i])) continue;
      encode_from(where(i), [&] { tokenizer.encode(texts[i], sources[i]); });
      replaced_->see(where(i), texts[i]);
      if (std::ssize(sources[i]) <= most) continue;
      std::cerr << fmt::format("{}: {} tokens, cut to {}\n", where(i), sources[i].size(), most);
      sources[i].resize(static_cast<std::size_t>(most));
    }
    if (draws_) {
      draw(texts, sources);
    } else {
      auto options = flags_.beam_options(flags_.options);
      if (!flags_.stops.empty()) options.is_complete = stop_check(flags_.stops, decode());
      const auto found = decode_sources(translator_, sources, options, batch_size_);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        for (const auto& hypothesis : found[i]) print(texts[i], hypothesis.ids, hypothesis.score);
      }
    }
    std::cout << std::flush;
    before_ += texts.size();
  }

  /// In the order of the texts: a text's random numbers are its own, whatever stands beside it.
  void draw(const std::vector<std::string>& texts, const std::vector<std::vector<TokenId>>& sources) {
    const c10::InferenceMode inference;
    for (std::size_t first = 0; first < texts.size();) {
      if (sources[first].empty()) {
        print(texts[first], {}, 0);
        ++first;
        continue;
      }
      std::vector<std::span<const TokenId>> rows;
      while (first + rows.size() < texts.size() && std::ssize(rows) < batch_size_ &&
             !sources[first + rows.size()].empty()) {
        rows.emplace_back(sources[first + rows.size()]);
      }
      const auto samples = drawn(rows, before_ + first);
      const auto scores = mean_log_probabilities(rows, samples);
      const auto each = samples.size() / rows.size();
      for (std::size_t i = 0; i < samples.size(); ++i) print(texts[first + i / each], samples[i], scores[i]);
      first += rows.size();
    }
  }

  std::vector<std::vector<TokenId>> drawn(std::span<const std::span<const TokenId>> sources, std::size_t first) const {
    auto& model = *translator_.model;
    auto options = flags_.options;
    options.first_sequence = first;
    options.eos_token_ids = token_ids(model.generation_config.eos_token_id);
    if (options.eos_token_ids.empty()) options.eos_token_ids = {model.end_token().value()};
    options.max_new_tokens = std::min(options.max_new_tokens, model.max_positions());
    options.min_new_tokens = std::min(options.min_new_tokens, options.max_new_tokens);
    const auto batch = source_batch(sources, translator_.special);
    const std::vector<std::vector<TokenId>> starts(sources.size(), {translator_.special.start});
    auto prompts = pad_left(starts, translator_.special.start);
    prompts.ids = prompts.ids.to(translator_.device);
    prompts.mask = prompts.mask.to(translator_.device);
    const auto step = model.start(batch.source.to(translator_.device), batch.source_lengths.to(translator_.device),
                                  options.max_new_tokens);
    std::vector<StopStrings> texts(sources.size() * static_cast<std::size_t>(options.num_return_sequences),
                                   StopStrings(flags_.stops, decode()));
    return generate(*step, prompts, options,
                    [&](std::size_t row, TokenId id) { return !flags_.stops.empty() && texts[row].append(id); });
  }

  /// Of what was drawn, as the model gives it: nothing is filtered.
  std::vector<double> mean_log_probabilities(std::span<const std::span<const TokenId>> sources,
                                             const std::vector<std::vector<TokenId>>& samples) const {
    auto special = translator_.special;
    special.target_end.reset();  // they hold it already
    ParallelCorpus corpus;
    for (std::size_t i = 0; i < samples.size(); ++i)
      corpus.add(sources[i / (samples.size() / sources.size())], samples[i]);
    std::vector<double> means;
    for (const auto& values : target_log_probabilities(*translator_.model, corpus, special, translator_.device)) {
      means.push_back(std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()));
    }
    return means;
  }

  /// Without the tokens that begin, end and fill up texts.
  std::string text_of(std::span<const TokenId> ids) const {
    const auto& tokenizer = translator_.tokenizers.target();
    if (skip_special_tokens_) return tokenizer.decode_generated(ids, true);
    const auto& special = tokenizer.special_tokens();
    const auto ends = token_ids(translator_.model->generation_config.eos_token_id);
    std::vector<TokenId> shown;
    for (const auto id : ids) {
      const bool frame = id == special.eos || id == special.pad || id == special.bos ||
                         id == translator_.model->end_token() || std::find(ends.begin(), ends.end(), id) != ends.end();
      if (!frame) shown.push_back(id);
    }
    return tokenizer.decode_generated(shown, false);
  }
  DecodeIds decode() const {
    return [this](std::span<const TokenId> ids) { return text_of(ids); };
  }

  void print(const std::string& source, const std::vector<TokenId>& ids, double score) const {
    std::string text;
    if (flags_.stops.empty()) {
      text = text_of(ids);
    } else {
      StopStrings stopped(flags_.stops, decode());
      for (const auto id : ids) stopped.append(id);
      stopped.finish();
      text = stopped.text();
    }
    if (json_) {
      print_json({{"source", source}, {"text", text}, {"ids", ids}, {"score", score}});
    } else {
      std::cout << valid_utf8(one_line(text)) << '\n';
    }
  }

  const Options* declared_ = nullptr;
  std::string model_;
  std::optional<std::string> text_, data_;
  std::int64_t max_source_ = 1024, batch_size_ = 32;
  bool skip_special_tokens_ = false, json_ = false;
  bool draws_ = false;
  DecodingFlags flags_;
  Translator translator_;
  ReplacedTexts* replaced_ = nullptr;  ///< compute()'s
  std::size_t before_ = 0;             ///< texts answered so far
};

}  // namespace

std::unique_ptr<Verb> text_generate_verb() {
  return std::make_unique<TextGenerateVerb>();
}

}  // namespace langzoo
