#include <iostream>
#include <random>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/beam_options.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/text_lines.h"
#include "models/generation/stop_strings.h"
#include "tokenizers/utf8.h"

namespace langzoo {
namespace {

constexpr std::uint64_t kMostNewTokens = 1 << 30, kMostSamples = 1 << 20;

class GenerateVerb : public ComputeVerb {
 public:
  explicit GenerateVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "generate"; }
  std::string summary() const override { return "continue a text"; }
  std::string examples() const override {
    return "generate --model run --prompt \"Once upon a time\" --temperature 0.8 --top-k 40\n"
           "generate --model run --prompts prompts.txt --greedy --json\n"
           "generate --model run --prompts prompts.txt --num-beams 5 --no-repeat-ngram-size 3\n"
           "echo \"Mary went to\" | {program} generate --model run --stop .\n";
  }
  std::string notes() const override {
    return "Without --prompt and --prompts the prompts come from stdin, one a line.\n"
           "Fields under --json: prompt, ids (the new ones, an end token included), text (the new text); with\n"
           "--num-beams above 1 also score and log_probability, best first, and nothing is drawn.\n";
  }
  void add_own_options(Options& options) override {
    options.add("--model", model_, "a Hugging Face model folder: an earlier --out, or any other").required();
    options.add("--prompt", prompt_, "the text to continue");
    options.add("--prompts", prompts_, "a file with one prompt a line").excludes("--prompt");
    options.add("--batch-size", batch_size_, "prompts at a time").range(1);
    options.add("--max-new-tokens", options_.max_new_tokens, "the most tokens to add").range(1, kMostNewTokens);
    options.add("--min-new-tokens", options_.min_new_tokens, "no end token before that many").range(0, kMostNewTokens);
    auto& sampling = options_.sampling;
    const auto only_one_beam = [this](Option& option) -> Option& {
      return option.excludes("--num-beams above 1", [this] { return beams_.more_than_one(); });
    };
    only_one_beam(options.add("--temperature", sampling.temperature, "below 1 bolder, 0 greedy")).excludes("--greedy");
    only_one_beam(options.add("--top-k", sampling.top_k, "draw from the k likeliest tokens only; 0: from all"))
        .excludes("--greedy");
    only_one_beam(
        options.add("--top-p", sampling.top_p, "draw from the likeliest tokens that make up this probability"))
        .excludes("--greedy");
    options.add("--repetition-penalty", options_.repetition_penalty, "above 1: repeat less");
    options.add("--no-repeat-ngram-size", options_.no_repeat_ngram_size, "no n tokens twice; 0: off");
    only_one_beam(options.add("--stop", stops_, "end before this text; may be given several times")).one_each();
    options.add("--num-return-sequences", options_.num_return_sequences, "samples (or best beams) of each prompt")
        .range(1, kMostSamples);
    options.add("--greedy", sampling.greedy, "always the likeliest token");
    beams_.add_to(options, 1);
  }

  void compute(const ComputeOptions& common) override {
    for (const auto& stop : stops_) {
      if (stop.empty()) throw UsageError("--stop: the text is empty");
    }
    options_.seed = common.seed ? *common.seed : std::random_device()();
    try {
      options_.validate();
    } catch (const std::invalid_argument& error) {
      throw_usage_error(error);
    }
    if (beams_.more_than_one()) beam_options(options_);  // throws for what cannot be
    if (prompts_) prompt_lines_ = lines_of_file(*prompts_);
    lm_ = load_lm(family_, model_, common, true);
    options_.eos_token_ids = lm_.model->end_tokens();
    device_ = common.torch_device();
    json_ = common.json;
    if (prompt_) {
      continue_all({*prompt_}, [](std::size_t) { return "--prompt"; });
    } else if (prompts_) {
      continue_all(prompt_lines_, lines_in(*prompts_));
    } else if (isatty(STDIN_FILENO) == 1) {
      converse();
    } else {
      const auto prompts = lines_of(std::cin);
      if (prompts.empty()) throw UsageError("no prompt: give --prompt, --prompts, or lines on stdin");
      continue_all(prompts, lines_in("stdin"));
    }
  }

 private:
  struct Prompt {
    std::string text;
    std::vector<TokenId> ids;
  };

  BeamSearchOptions beam_options(const DecodingOptions& options) const {
    BeamSearchOptions beams;
    static_cast<DecodingOptions&>(beams) = options;
    return beams_.apply_to(std::move(beams));
  }

  void converse() {
    std::cerr << "one prompt a line; Ctrl-D ends\n> " << std::flush;
    std::size_t index = 0;  // each prompt draws numbers of its own, those that it would draw as a line of a file
    for (std::string line; next_line(std::cin, line); std::cerr << "> " << std::flush) {
      try {
        continue_all(
            {line}, [](std::size_t) { return "prompt"; }, index++);
      } catch (const std::exception& error) {
        std::cerr << "error: " << one_line(error) << '\n';
      }
    }
    std::cerr << '\n';
  }

  /// All prompts are checked before the first result is printed. The first is number `first` of the whole input.
  void continue_all(const std::vector<std::string>& texts, const Where& where, std::size_t first = 0) {
    std::vector<Prompt> prompts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      encode_from(where(i), [&] { prompts.push_back({texts[i], encode_prompt(texts[i], lm_)}); });
    }
    const auto room = lm_.model->n_positions() + 1;
    for (std::size_t begin = 0; begin < prompts.size();) {
      // A prompt that the context cuts short runs by itself: padding must not shorten its neighbours.
      auto end = begin;
      std::size_t longest = 0;
      while (end < prompts.size() && end - begin < static_cast<std::size_t>(batch_size_)) {
        longest = std::max(longest, prompts[end].ids.size());
        if (end > begin && options_.max_new_tokens > room - static_cast<std::int64_t>(longest)) break;
        ++end;
      }
      continue_batch(std::span(prompts).subspan(begin, end - begin), first + begin);
      begin = end;
    }
  }

  void continue_batch(std::span<const Prompt> prompts, std::size_t first) {
    const c10::InferenceMode inference;
    std::vector<std::vector<TokenId>> ids;
    for (const auto& prompt : prompts) ids.push_back(prompt.ids);
    const auto padded = pad_left(ids, 0);
    auto options = options_;
    options.first_sequence = first;
    options.max_new_tokens = std::min(options.max_new_tokens, lm_.model->n_positions() + 1 - padded.ids.size(1));
    options.min_new_tokens = std::min(options.min_new_tokens, options.max_new_tokens);
    const PaddedPrompts on_device{padded.ids.to(device_), padded.mask.to(device_)};
    auto step = lm_.model->start(on_device.mask, padded.ids.size(1) + options.max_new_tokens - 1);
    const bool any_full = beams_.more_than_one() ? search(*step, on_device, options, prompts)
                                                 : sample(*step, on_device, options, prompts);
    if (options.max_new_tokens < options_.max_new_tokens && any_full) {
      std::cerr << fmt::format("note: the context of {} tokens is full after {} new ones\n", lm_.model->n_positions(),
                               options.max_new_tokens);
    }
  }

  /// Whether any result is as long as it may be.
  bool sample(StepFunction& step, const PaddedPrompts& padded, const GenerateOptions& options,
              std::span<const Prompt> prompts) {
    const auto samples = static_cast<std::size_t>(options.num_return_sequences);
    const bool stream = !json_ && prompts.size() == 1 && samples == 1;
    const auto decode = [&](std::span<const TokenId> part) { return lm_.tokenizer->decode(part, true); };
    std::vector<StopStrings> texts(prompts.size() * samples, StopStrings(stops_, decode));
    if (stream) std::cout << sanitize_utf8(prompts[0].text) << std::flush;
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
        std::cout << sanitize_utf8(prompt + texts[row].text()) << "\n\n" << std::flush;
      }
    }
    return std::any_of(results.begin(), results.end(),
                       [&](const auto& made) { return std::ssize(made) == options.max_new_tokens; });
  }

  bool search(StepFunction& step, const PaddedPrompts& padded, const GenerateOptions& options,
              std::span<const Prompt> prompts) {
    const auto results = beam_search(step, padded, beam_options(options));
    bool any_full = false;
    for (std::size_t i = 0; i < results.size(); ++i) {
      for (const auto& [ids, score, log_probability] : results[i]) {
        const auto text = lm_.tokenizer->decode(ids, true);
        any_full = any_full || std::ssize(ids) == options.max_new_tokens;
        if (json_) {
          print_json({{"prompt", prompts[i].text},
                      {"ids", ids},
                      {"text", sanitize_utf8(text)},
                      {"score", score},
                      {"log_probability", log_probability}});
        } else {
          std::cout << sanitize_utf8(prompts[i].text + text) << "\n\n" << std::flush;
        }
      }
    }
    return any_full;
  }

  const Family& family_;
  std::string model_;
  std::optional<std::string> prompt_, prompts_;
  std::vector<std::string> prompt_lines_, stops_;
  std::int64_t batch_size_ = 8;
  GenerateOptions options_;
  BeamFlags beams_;
  LoadedLm lm_;
  torch::Device device_ = torch::kCPU;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> generate_verb(const Family& family) {
  return std::make_unique<GenerateVerb>(family);
}

}  // namespace langzoo
