#include <iostream>
#include <random>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/id_lines.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/decoding_flags.h"
#include "apps/cli/text_lines.h"
#include "apps/training/stream_text.h"
#include "models/generation/stop_strings.h"
#include "tokenizers/utf8.h"

namespace langzoo {
namespace {

constexpr std::int64_t kMostNewTokens = 1 << 30;

class GenerateVerb : public ComputeVerb {
 public:
  explicit GenerateVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "generate"; }
  std::string summary() const override { return "continue a text"; }
  std::string examples() const override {
    return "generate --model run --prompt \"Once upon a time\" --temperature 0.8 --top-k 40\n"
           "generate --model run --prompts prompts.txt --greedy --json\n"
           "generate --model run --prompts prompts.txt --num-beams 5 --no-repeat-ngram-size 3\n"
           "generate --model run --ids prompts.ids --max-new-tokens 20 --json\n"
           "echo \"Mary went to\" | {program} generate --model run --stop .\n";
  }
  std::string notes() const override {
    return std::string("Without --prompt, --prompts and --ids the prompts come from stdin, one a line. ") +
           (reads_stream() ? "The model reads </s>\n"
                             "before a prompt, and before ids, as before the first line of a text. What flags leave "
                             "open is as the model folder's\n"
                           : "The tokenizer's template\n"
                             "(<s>, [CLS] ...) goes around a prompt, not around ids. What flags leave open is as the "
                             "model folder's\n") +
           "generation_config.json says, as an older config.json does, or as shown above. --temperature, --top-k,\n"
           "--top-p and --greedy also say that there are no beams.\n"
           "Fields under --json: prompt, ids (the new ones, an end token included), text (the new text); with\n"
           "--num-beams above 1 also score and log_probability, best first, and nothing is drawn.\n";
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--prompt", prompt_, "the text to continue");
    options.add("--prompts", prompts_, "a file with one prompt a line").excludes("--prompt");
    options.add("--ids", ids_, "a file with one prompt a line as ids: 1 2, [1,2] or {\"ids\": [1,2]}")
        .excludes("--prompt")
        .excludes("--prompts");
    if (!reads_stream()) {
      options.add("--no-special-tokens", no_special_tokens_, "do not add [CLS] and the like to a prompt")
          .idle_with("--ids");
    }
    options.add("--batch-size", batch_size_, "prompts at a time").range(1);
    flags_.add_to(options, {.max_new_tokens = "the most tokens to add",
                            .temperature = "below 1 bolder, 0 greedy",
                            .num_return_sequences = "samples (or best beams) of each prompt"});
    options.idle_where("--seed", "nothing is drawn", [this] { return !draws(); });
  }

  void compute(const ComputeOptions& common) override {
    flags_.options.seed = common.seed ? *common.seed : std::random_device()();
    check(flags_.before_folder());
    if (prompts_) prompt_lines_ = lines_of_file(*prompts_);
    if (ids_) prompt_lines_ = lines_of_file(*ids_);
    lm_ = load_lm(family_, model_, common, !ids_.has_value());
    heed(lm_.model->generation_config);
    warn_of_idle(*declared_);
    flags_.options.eos_token_ids = lm_.model->end_tokens();
    device_ = common.torch_device();
    json_ = common.json;
    if (prompt_) {
      continue_texts({*prompt_}, [](std::size_t) { return "--prompt"; });
    } else if (prompts_) {
      continue_texts(prompt_lines_, lines_in(*prompts_));
    } else if (ids_) {
      continue_ids();
    } else if (isatty(STDIN_FILENO) == 1) {
      // Each prompt draws numbers of its own, those that it would draw as a line of a file.
      converse("prompt", [this, index = std::size_t{0}](const std::string& line) mutable {
        continue_texts(
            {line}, [](std::size_t) { return "prompt"; }, index++);
      });
    } else {
      const auto prompts = lines_of_stdin();
      if (prompts.empty()) throw UsageError("no prompt: give --prompt, --prompts, --ids, or lines on stdin");
      continue_texts(prompts, lines_in("stdin"));
    }
  }

 private:
  struct Prompt {
    std::string text;
    std::vector<TokenId> ids;
  };

  /// Whether a prompt is a line of a stream: without a template, and <s> and </s> are no words of it.
  bool reads_stream() const { return family_.task == "language-model"; }
  bool draws() const { return !flags_.more_than_one_beam() && !flags_.options.sampling.is_greedy(); }

  /// Throws UsageError naming the flag.
  void check(const GenerateOptions& options) const {
    flags_.check(options);
    if (flags_.more_than_one_beam()) flags_.beam_options(options);
  }

  /// Takes from the folder what the flags leave open, and says so.
  void heed(GenerationConfig folder) {
    flags_.heed(folder);
    folder.apply_to(flags_.options);
    if (folder.max_length) flags_.options.max_new_tokens = kMostNewTokens;
    max_length_ = folder.max_length;
    flags_.check_folder(folder, model_, [&] {
      check(flags_.options);
      flags_.options.check_vocabulary(lm_.model->vocab_size());
    });
    if (!folder.file.empty() && lm_.model->end_tokens().empty()) {
      std::cerr << fmt::format("note: {}: names no eos_token_id, so that no token ends a text\n",
                               generation_file(folder, model_));
    }
  }

  /// All prompts are checked before the first result is printed. The first is number `first` of the whole input.
  void continue_texts(const std::vector<std::string>& texts, const Where& where, std::size_t first = 0) {
    std::vector<Prompt> prompts;
    ReplacedTexts replaced(*lm_.tokenizer);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!reads_stream()) replaced.see(where(i), texts[i]);
      encode_from(where(i), [&] {
        if (reads_stream()) words_of_sentence(texts[i]);  // which has to be UTF-8
        prompts.push_back({texts[i], encode_prompt(texts[i], lm_, !no_special_tokens_ && !reads_stream())});
        check_length(prompts.back().ids.size());
      });
    }
    continue_all(prompts, first);
  }

  void continue_ids() {
    std::vector<Prompt> prompts;
    for (std::size_t i = 0; i < prompt_lines_.size(); ++i) {
      const auto where = lines_in(*ids_)(i);
      auto ids = ids_of_line(prompt_lines_[i], lm_.model->vocab_size(), where);
      encode_from(where, [&] {
        if (ids.empty()) throw std::runtime_error("holds no id");
        if (const auto start = lm_.model->prompt_start()) ids.insert(ids.begin(), *start);
        check_prompt_length(ids.size(), *lm_.model);
        check_length(ids.size());
      });
      prompts.push_back({text_of(ids), std::move(ids)});
    }
    continue_all(prompts, 0);
  }

  void check_length(std::size_t tokens) const {
    if (!max_length_ || static_cast<std::int64_t>(tokens) < *max_length_) return;
    throw std::runtime_error(
        fmt::format("the prompt has {} tokens, and the model folder's max_length is {}: say "
                    "--max-new-tokens",
                    tokens, *max_length_));
  }

  /// The ids themselves where there is no tokenizer.
  std::string text_of(std::span<const TokenId> ids) const {
    if (lm_.tokenizer) return generated_text(*lm_.tokenizer, ids);
    std::string text;
    for (const auto id : ids) text += std::to_string(id) + " ";
    return text;
  }

  /// What stands between a prompt and the text that continues it.
  const char* joint() const { return lm_.tokenizer && has_whole_words(*lm_.tokenizer) ? " " : ""; }

  /// Tokens that prompt and new ones may be together; the last is never read.
  std::int64_t longest() const {
    const auto context = context_of(*lm_.model) + 1;
    return max_length_ ? std::min(context, *max_length_) : context;
  }

  void continue_all(std::span<const Prompt> prompts, std::size_t first) {
    for (std::size_t begin = 0; begin < prompts.size();) {
      // A prompt that the context cuts short runs by itself: padding must not shorten its neighbours.
      auto end = begin;
      std::size_t widest = 0;
      while (end < prompts.size() && end - begin < static_cast<std::size_t>(batch_size_)) {
        widest = std::max(widest, prompts[end].ids.size());
        if (end > begin && flags_.options.max_new_tokens > longest() - static_cast<std::int64_t>(widest)) break;
        ++end;
      }
      continue_batch(prompts.subspan(begin, end - begin), first + begin);
      begin = end;
    }
  }

  void continue_batch(std::span<const Prompt> prompts, std::size_t first) {
    const c10::InferenceMode inference;
    std::vector<std::vector<TokenId>> ids;
    for (const auto& prompt : prompts) ids.push_back(prompt.ids);
    const auto padded = pad_left(ids, 0);
    auto options = flags_.options;
    options.first_sequence = first;
    options.max_new_tokens = std::min(options.max_new_tokens, longest() - padded.ids.size(1));
    options.min_new_tokens = std::min(options.min_new_tokens, options.max_new_tokens);
    const PaddedPrompts on_device{padded.ids.to(device_), padded.mask.to(device_)};
    auto step = lm_.model->start(on_device.mask, padded.ids.size(1) + options.max_new_tokens - 1);
    const bool any_full = flags_.more_than_one_beam() ? search(*step, on_device, options, prompts)
                                                      : sample(*step, on_device, options, prompts);
    if (options.max_new_tokens < flags_.options.max_new_tokens && longest() > context_of(*lm_.model) && any_full) {
      std::cerr << fmt::format("note: the context of {} tokens is full after {} new ones\n", lm_.model->n_positions(),
                               options.max_new_tokens);
    }
  }

  /// Whether any result is as long as it may be.
  bool sample(StepFunction& step, const PaddedPrompts& padded, const GenerateOptions& options,
              std::span<const Prompt> prompts) {
    const auto samples = static_cast<std::size_t>(options.num_return_sequences);
    const bool stream = !json_ && prompts.size() == 1 && samples == 1;
    std::vector<StopStrings> texts(prompts.size() * samples, StopStrings(flags_.stops, decode()));
    if (stream) std::cout << sanitize_utf8(prompts[0].text + joint()) << std::flush;
    const auto on_token = [&](std::size_t row, TokenId id) {
      const bool stopped = texts[row].append(id);
      if (stream) std::cout << sanitize_utf8(texts[row].take()) << std::flush;
      return stopped;
    };
    const auto results = generate(step, padded, options, on_token);
    for (std::size_t row = 0; row < results.size(); ++row) {
      texts[row].finish();
      const auto& prompt = prompts[row / samples].text;
      if (json_) {
        print_json({{"prompt", prompt}, {"ids", results[row]}, {"text", sanitize_utf8(texts[row].text())}});
      } else if (stream) {
        std::cout << sanitize_utf8(texts[row].take()) << std::endl;
      } else {
        std::cout << sanitize_utf8(prompt + joint() + texts[row].text()) << "\n\n" << std::flush;
      }
    }
    return std::any_of(results.begin(), results.end(),
                       [&](const auto& made) { return std::ssize(made) == options.max_new_tokens; });
  }

  bool search(StepFunction& step, const PaddedPrompts& padded, const GenerateOptions& options,
              std::span<const Prompt> prompts) {
    auto beams = flags_.beam_options(options);
    if (!flags_.stops.empty()) beams.is_complete = stop_check(flags_.stops, decode());
    const auto results = beam_search(step, padded, beams);
    bool any_full = false;
    for (std::size_t i = 0; i < results.size(); ++i) {
      for (const auto& [ids, score, log_probability] : results[i]) {
        StopStrings text(flags_.stops, decode());
        for (const auto id : ids) text.append(id);
        text.finish();
        any_full = any_full || std::ssize(ids) == options.max_new_tokens;
        if (json_) {
          print_json({{"prompt", prompts[i].text},
                      {"ids", ids},
                      {"text", sanitize_utf8(text.text())},
                      {"score", score},
                      {"log_probability", log_probability}});
        } else {
          std::cout << sanitize_utf8(prompts[i].text + joint() + text.text()) << "\n\n" << std::flush;
        }
      }
    }
    return any_full;
  }

  DecodeIds decode() const {
    return [this](std::span<const TokenId> ids) { return text_of(ids); };
  }

  const Family& family_;
  std::string model_;
  std::optional<std::string> prompt_, prompts_, ids_;
  std::vector<std::string> prompt_lines_;
  std::int64_t batch_size_ = 8;
  bool no_special_tokens_ = false;
  DecodingFlags flags_;
  std::optional<std::int64_t> max_length_;
  const Options* declared_ = nullptr;
  LoadedLm lm_;
  torch::Device device_ = torch::kCPU;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> generate_verb(const Family& family) {
  return std::make_unique<GenerateVerb>(family);
}

}  // namespace langzoo
