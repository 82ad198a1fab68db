#include <charconv>
#include <cmath>
#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/causal_lm.h"
#include "apps/cli/model_checks.h"
#include "apps/cli/text_lines.h"
#include "data/files/files.h"
#include "data/text/causal_lm.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

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
  LoadReport report;
  lm.model = family.load(dir, {.dtype = common.torch_dtype()}, report);
  show_load_report(dir, report);
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
