#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <sstream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/beam_options.h"
#include "apps/cli/causal_lm.h"
#include "data/causal_lm.h"
#include "data/files/files.h"
#include "models/generation/stop_strings.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::uint64_t kMostNewTokens = 1 << 30, kMostSamples = 1 << 20;

/// The next line without its end, be that LF or CRLF.
bool next_line(std::istream& in, std::string& line) {
  if (!std::getline(in, line)) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

std::vector<std::string> lines_of(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; next_line(in, line);) lines.push_back(line);
  return lines;
}

/// Throws FileError for an empty file.
std::vector<std::string> lines_of_file(const std::string& path) {
  std::istringstream text(read_file(path));
  auto lines = lines_of(text);
  if (lines.empty()) throw FileError(path, "is empty");
  return lines;
}

/// Runs `encode`; what is wrong with the text is told with `where` it stands in front.
template <typename Encode>
void encode_from(const std::string& where, const Encode& encode) {
  try {
    encode();
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", where, error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", where, one_line(error)));
  }
}

/// Where a prompt or a text comes from, by its number.
using Where = std::function<std::string(std::size_t)>;

Where lines_in(const std::string& file) {
  return [file](std::size_t i) { return fmt::format("{}: line {}", file, i + 1); };
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

class EvalVerb : public ComputeVerb {
 public:
  explicit EvalVerb(const CausalLmFamily& family) : family_(family) {}
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure how well a model predicts a text"; }
  std::string examples() const override {
    return "eval --model run --data test.txt\n"
           "eval --model run --data test.txt --stride 32 --json\n"
           "eval --model run --data microworld\n";
  }
  std::string notes() const override {
    return "Fields under --json: tokens (predicted ones: all but the first), bytes and words of the text, "
           "nats_per_token,\n"
           "perplexity, bits_per_byte, word_perplexity, stride; for microworld also source_nats_per_token, the entropy "
           "of\n"
           "the text's own source.\n";
  }
  void add_own_options(CLI::App& app) override {
    app.add_option("--model", model_, "a Hugging Face model folder: an earlier --out, or any other")->required();
    app.add_option("--data", data_, "text: a file, a folder of .txt files, or microworld")->required();
    app.add_option("--stride", stride_, "tokens between the beginnings of two windows; by default the model's context")
        ->check(integer_from(1));
  }
  void compute(const ComputeOptions& common) override {
    const auto lm = load_lm(family_, model_, common, true);
    const auto n_positions = lm.model->n_positions();
    const auto stride = stride_.value_or(n_positions);
    if (stride > n_positions) {
      throw UsageError(fmt::format("--stride {}: more than the model's context of {} tokens", stride, n_positions));
    }
    const auto text = open_text(data_, *lm.tokenizer, common.seed_or(CorpusOptions{}.microworld_seed));
    if (text.tokens.size() < 2) throw std::runtime_error(data_ + ": has no token to predict: it needs two at least");
    const auto tokens = static_cast<double>(text.tokens.size() - 1);
    const double nats = total_nats(*lm.model, text.tokens, stride, common.torch_device());
    const double bits_per_byte = nats / std::log(2.0) / static_cast<double>(text.bytes);
    const double word_perplexity = std::exp(nats / static_cast<double>(text.words));
    if (common.json) {
      Json result{{"tokens", text.tokens.size() - 1},
                  {"bytes", text.bytes},
                  {"words", text.words},
                  {"nats_per_token", number_or_null(nats / tokens)},
                  {"perplexity", number_or_null(std::exp(nats / tokens))},
                  {"bits_per_byte", number_or_null(bits_per_byte)},
                  {"word_perplexity", number_or_null(word_perplexity)},
                  {"stride", stride}};
      if (text.source_nats) result["source_nats_per_token"] = *text.source_nats / tokens;
      print_json(result);
      return;
    }
    std::cout << fmt::format("{:<22}{}\n{:<22}{}\n{:<22}{}\n", "tokens", text.tokens.size() - 1, "bytes", text.bytes,
                             "words", text.words);
    std::cout << fmt::format("{:<22}{:.4f}\n", "nats per token", nats / tokens);
    if (text.source_nats) {
      std::cout << fmt::format("{:<22}{:.4f}   the entropy of the text's source: no model does better\n",
                               "source nats per token", *text.source_nats / tokens);
    }
    std::cout << fmt::format("{:<22}{:.4f}\n{:<22}{:.4f}\n", "perplexity", std::exp(nats / tokens), "bits per byte",
                             bits_per_byte);
    if (text.words > 0) std::cout << fmt::format("{:<22}{:.4f}\n", "word perplexity", word_perplexity);
    std::cout << fmt::format("{:<22}{}\n", "stride", stride);
  }

 private:
  const CausalLmFamily& family_;
  std::string model_, data_;
  std::optional<std::int64_t> stride_;
};

class GenerateVerb : public ComputeVerb {
 public:
  explicit GenerateVerb(const CausalLmFamily& family) : family_(family) {}
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
  void add_own_options(CLI::App& app) override {
    app.add_option("--model", model_, "a Hugging Face model folder: an earlier --out, or any other")->required();
    auto* prompt = app.add_option("--prompt", prompt_, "the text to continue");
    app.add_option("--prompts", prompts_, "a file with one prompt a line")->excludes(prompt);
    app.add_option("--batch-size", batch_size_, "prompts at a time")->check(integer_from(1))->capture_default_str();
    app.add_option("--max-new-tokens", options_.max_new_tokens, "the most tokens to add")
        ->check(integer_from(1, kMostNewTokens))
        ->capture_default_str();
    app.add_option("--min-new-tokens", options_.min_new_tokens, "no end token before that many")
        ->check(integer_from(0, kMostNewTokens))
        ->capture_default_str();
    auto& sampling = options_.sampling;
    const auto only_one_beam = [&](CLI::Option* option) {
      one_beam_flags_.push_back(option);
      return option;
    };
    only_one_beam(app.add_option("--temperature", sampling.temperature, "below 1 bolder, 0 greedy"))
        ->capture_default_str();
    only_one_beam(app.add_option("--top-k", sampling.top_k, "draw from the k likeliest tokens only; 0: from all"))
        ->check(integer_from(0))
        ->capture_default_str();
    only_one_beam(
        app.add_option("--top-p", sampling.top_p, "draw from the likeliest tokens that make up this probability"))
        ->capture_default_str();
    app.add_option("--repetition-penalty", sampling.repetition_penalty, "above 1: repeat less")->capture_default_str();
    app.add_option("--no-repeat-ngram-size", sampling.no_repeat_ngram_size, "no n tokens twice; 0: off")
        ->check(integer_from(0))
        ->capture_default_str();
    only_one_beam(app.add_option("--stop", stops_, "end before this text; may be given several times"))
        ->allow_extra_args(false);
    app.add_option("--num-return-sequences", options_.num_return_sequences, "samples (or best beams) of each prompt")
        ->check(integer_from(1, kMostSamples))
        ->capture_default_str();
    app.add_flag("--greedy", sampling.greedy, "always the likeliest token");
    beams_.add_to(app, 1);
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
    check_beams();
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

  void check_beams() const {
    if (!beams_.more_than_one()) {
      if (const auto flag = beams_.given(); !flag.empty()) throw UsageError(flag + ": needs --num-beams above 1");
      return;
    }
    for (const auto* flag : one_beam_flags_) {
      if (flag->count() > 0) throw UsageError(flag->get_name() + ": not with --num-beams above 1");
    }
    beam_options(options_);
  }

  /// The limits that both ways of decoding have.
  BeamSearchOptions beam_options(const GenerateOptions& options) const {
    BeamSearchOptions result;
    result.num_return_sequences = options.num_return_sequences;
    result.max_new_tokens = options.max_new_tokens;
    result.min_new_tokens = options.min_new_tokens;
    result.eos_token_ids = options.eos_token_ids;
    result.repetition_penalty = options.sampling.repetition_penalty;
    result.no_repeat_ngram_size = options.sampling.no_repeat_ngram_size;
    return beams_.apply_to(result);
  }

  void converse() {
    std::cerr << "one prompt a line; Ctrl-D ends\n> " << std::flush;
    for (std::string line; next_line(std::cin, line); std::cerr << "> " << std::flush) {
      try {
        continue_all({line}, [](std::size_t) { return "prompt"; });
      } catch (const std::exception& error) {
        std::cerr << "error: " << one_line(error) << '\n';
      }
    }
    std::cerr << '\n';
  }

  /// All prompts are checked before the first result is printed.
  void continue_all(const std::vector<std::string>& texts, const Where& where) {
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
      continue_batch(std::span(prompts).subspan(begin, end - begin), begin);
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

  const CausalLmFamily& family_;
  std::string model_;
  std::optional<std::string> prompt_, prompts_;
  std::vector<std::string> prompt_lines_, stops_;
  std::int64_t batch_size_ = 8;
  GenerateOptions options_;
  BeamFlags beams_;
  std::vector<const CLI::Option*> one_beam_flags_;  ///< those that say nothing to beam search
  LoadedLm lm_;
  torch::Device device_ = torch::kCPU;
  bool json_ = false;
};

class ScoreVerb : public ComputeVerb {
 public:
  explicit ScoreVerb(const CausalLmFamily& family) : family_(family) {}
  std::string name() const override { return "score"; }
  std::string summary() const override { return "the log-probability of every token of a text"; }
  std::string examples() const override {
    return "score --model run --text \"Mary went to the garden.\"\n"
           "score --model run --ids ids.txt --json\n";
  }
  std::string notes() const override {
    return "Fields under --json: ids, and logprobs (natural logarithms) of all ids but the first. No token is added.\n";
  }
  void add_own_options(CLI::App& app) override {
    app.add_option("--model", model_, "a Hugging Face model folder: an earlier --out, or any other")->required();
    auto* group = app.add_option_group("what to score");
    group->add_option("--text", text_, "a text");
    group->add_option("--ids", ids_, "a file with one sequence of space-separated ids a line");
    group->require_option(1);
  }
  void compute(const ComputeOptions& common) override {
    std::vector<std::string> lines;
    if (ids_) lines = lines_of_file(*ids_);
    const auto lm = load_lm(family_, model_, common, text_.has_value());
    const auto n_positions = static_cast<std::size_t>(lm.model->n_positions());
    std::vector<std::vector<TokenId>> sequences;
    if (text_) encode_from("--text", [&] { lm.tokenizer->encode(*text_, sequences.emplace_back()); });
    for (std::size_t i = 0; i < lines.size(); ++i) {
      sequences.push_back(parse_ids(lines[i], lm.model->vocab_size(), fmt::format("{}: line {}", *ids_, i + 1)));
    }
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      if (sequences[i].size() <= n_positions) continue;
      const auto where = text_ ? std::string("--text") : fmt::format("{}: line {}", *ids_, i + 1);
      throw std::runtime_error(
          fmt::format("{}: {} tokens, but the model's context is {}", where, sequences[i].size(), n_positions));
    }
    for (const auto& ids : sequences) print(ids, score(*lm.model, ids, common.torch_device()), lm, common.json);
  }

 private:
  static std::vector<TokenId> parse_ids(const std::string& line, std::int64_t vocab_size, const std::string& where) {
    std::vector<TokenId> ids;
    const char* at = line.data();
    const char* const end = at + line.size();
    while (true) {
      while (at < end && (*at == ' ' || *at == '\t')) ++at;
      if (at == end) return ids;
      const char* const word_end = std::find_if(at, end, [](char c) { return c == ' ' || c == '\t'; });
      const auto word = sanitize_utf8(std::string(at, std::min(word_end, at + 40)));
      TokenId id = 0;
      const auto [stop, error] = std::from_chars(at, word_end, id);
      if (error == std::errc::result_out_of_range ||
          (error == std::errc() && stop == word_end && (id < 0 || id >= vocab_size))) {
        throw std::runtime_error(
            fmt::format("{}: id {} is outside the model's vocabulary of {}", where, word, vocab_size));
      }
      if (error != std::errc() || stop != word_end)
        throw std::runtime_error(fmt::format("{}: {} is not an id", where, word));
      ids.push_back(id);
      at = word_end;
    }
  }

  static std::vector<double> score(CausalLm& model, const std::vector<TokenId>& ids, torch::Device device) {
    const auto predicted = static_cast<std::int64_t>(ids.size()) - 1;
    if (predicted < 1) return {};
    const c10::InferenceMode inference;
    const auto all = torch::tensor(ids, torch::kInt64).to(device).unsqueeze(0);  // (1,T)
    const auto logits = model.logits(all.narrow(1, 0, predicted)).to(torch::kFloat32).squeeze(0);
    const auto chosen = logits.gather(1, all.squeeze(0).narrow(0, 1, predicted).unsqueeze(1)).squeeze(1);
    const auto logprobs = (chosen - logits.logsumexp(1)).to(torch::kCPU, torch::kFloat64).contiguous();
    return {logprobs.data_ptr<double>(), logprobs.data_ptr<double>() + predicted};
  }

  static void print(const std::vector<TokenId>& ids, const std::vector<double>& logprobs, const LoadedLm& lm,
                    bool json) {
    if (json) return print_json({{"ids", ids}, {"logprobs", logprobs}});
    double total = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::string token;
      if (lm.tokenizer) token = Json(sanitize_utf8(lm.tokenizer->decode(std::span(&ids[i], 1)))).dump();
      std::cout << fmt::format("{:>10}  {:>6}  {}\n", i == 0 ? "" : fmt::format("{:.4f}", logprobs[i - 1]), ids[i],
                               token);
      if (i > 0) total += logprobs[i - 1];
    }
    std::cout << fmt::format("{:>10.4f}  in all, {} tokens predicted\n", total, logprobs.size());
  }

  const CausalLmFamily& family_;
  std::string model_;
  std::optional<std::string> text_, ids_;
};

}  // namespace

LoadedLm load_lm(const CausalLmFamily& family, const fs::path& dir, const ComputeOptions& common, bool with_tokenizer) {
  LoadedLm lm;
  lm.model = family.load(dir, common.torch_dtype());
  lm.model->module().to(common.torch_device());
  const bool has_tokenizer = fs::exists(dir / "tokenizer.json") || fs::exists(dir / "vocab.json");
  if (!has_tokenizer && !with_tokenizer) return lm;
  lm.tokenizer = load_tokenizer(dir);
  const auto tokens = static_cast<std::int64_t>(lm.tokenizer->vocab_size());
  if (with_tokenizer && tokens > lm.model->vocab_size()) {
    throw FileError(dir, fmt::format("the tokenizer has {} tokens, the model's vocabulary only {}", tokens,
                                     lm.model->vocab_size()));
  }
  return lm;
}

double total_nats(CausalLm& model, const TokenView& tokens, std::int64_t stride, torch::Device device) {
  const c10::InferenceMode inference;
  const EvaluationWindows windows(tokens, model.n_positions(), stride);
  constexpr std::int64_t kTokensAtOnce = 4096;
  const auto count = std::max<std::int64_t>(1, kTokensAtOnce / model.n_positions());
  double nats = 0;
  for (std::int64_t first = 0; first < windows.num_windows(); first += count) {
    const auto batch = windows.batch(first, count);
    nats += model.loss_sum(batch.ids.to(device), batch.targets.to(device)).item<double>();
  }
  return nats;
}

std::vector<TokenId> encode_prompt(const std::string& prompt, const LoadedLm& lm) {
  std::vector<TokenId> ids;
  lm.tokenizer->encode(prompt, ids);
  if (ids.empty()) {
    const auto& special = lm.tokenizer->special_tokens();
    if (!special.bos && !special.eos) throw UsageError("the prompt is empty, and the model has no token to begin with");
    ids.push_back(special.bos ? *special.bos : *special.eos);
  }
  if (static_cast<std::int64_t>(ids.size()) > lm.model->n_positions()) {
    throw std::runtime_error(
        fmt::format("the prompt has {} tokens, but the model's context is {}", ids.size(), lm.model->n_positions()));
  }
  return ids;
}

std::unique_ptr<Verb> eval_verb(const CausalLmFamily& family) {
  return std::make_unique<EvalVerb>(family);
}
std::unique_ptr<Verb> generate_verb(const CausalLmFamily& family) {
  return std::make_unique<GenerateVerb>(family);
}
std::unique_ptr<Verb> score_verb(const CausalLmFamily& family) {
  return std::make_unique<ScoreVerb>(family);
}

Verbs causal_lm_verbs(const CausalLmFamily& family) {
  Verbs verbs;
  verbs.push_back(train_verb(family));
  verbs.push_back(eval_verb(family));
  verbs.push_back(generate_verb(family));
  verbs.push_back(score_verb(family));
  return verbs;
}

}  // namespace langzoo
