#include <iostream>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/id_lines.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/text_lines.h"

namespace langzoo {

namespace {

class ScoreVerb : public ComputeVerb {
 public:
  explicit ScoreVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "score"; }
  std::string summary() const override { return "the log-probability of every token of a text"; }
  std::string examples() const override {
    return "score --model run --text \"Mary went to the garden.\"\n"
           "score --model run --ids ids.txt --json\n";
  }
  std::string notes() const override {
    return "Fields under --json: ids, and logprobs (natural logarithms) of all ids but the first. No token is added.\n";
  }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--text", text_, "a text to score; without it and --ids the texts come from stdin, one a line");
    options.add("--ids", ids_, "or a file with one sequence of ids a line: 1 2, [1,2] or {\"ids\": [1,2]}")
        .excludes("--text");
  }
  void compute(const ComputeOptions& common) override {
    std::vector<std::string> lines;
    if (ids_) lines = lines_of_file(*ids_);
    if (text_) lines = {*text_};
    const auto lm = load_lm(family_, model_, common, !ids_);
    if (!ids_ && !text_) lines = lines_of_stdin();
    if (lines.empty()) throw UsageError("no text: give --text, --ids, or lines on stdin");
    const Where where = text_ ? [](std::size_t) { return std::string("--text"); } : lines_in(ids_.value_or("stdin"));
    const auto n_positions = static_cast<std::size_t>(lm.model->n_positions());
    std::vector<std::vector<TokenId>> sequences;
    std::optional<ReplacedTexts> replaced;
    if (!ids_) replaced.emplace(*lm.tokenizer);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto& ids = sequences.emplace_back();
      if (ids_) ids = ids_of_line(lines[i], lm.model->vocab_size(), where(i));
      if (replaced) {
        replaced->see(where(i), lines[i]);
        encode_from(where(i), [&] { lm.tokenizer->encode(lines[i], ids); });
      }
      if (ids.size() > n_positions) {
        throw std::runtime_error(
            fmt::format("{}: {} tokens, but the model's context is {}", where(i), ids.size(), n_positions));
      }
    }
    for (const auto& ids : sequences) print(ids, score(*lm.model, ids, common.torch_device()), lm, common.json);
  }

 private:
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
      if (lm.tokenizer) token = JsonValue(lm.tokenizer->decode_generated(std::span(&ids[i], 1))).text();
      std::cout << fmt::format("{:>10}  {:>6}  {}\n", i == 0 ? "" : fmt::format("{:.4f}", logprobs[i - 1]), ids[i],
                               token);
      if (i > 0) total += logprobs[i - 1];
    }
    std::cout << fmt::format("{:>10.4f}  in all, {} tokens predicted\n", total, logprobs.size());
  }

  const Family& family_;
  std::string model_;
  std::optional<std::string> text_, ids_;
};

}  // namespace

std::unique_ptr<Verb> score_verb(const Family& family) {
  return std::make_unique<ScoreVerb>(family);
}

}  // namespace langzoo
