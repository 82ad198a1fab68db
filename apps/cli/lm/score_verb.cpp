#include <iostream>
#include <sstream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/id_lines.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/lm/verbs.h"
#include "apps/cli/text_lines.h"
#include "apps/training/tasks/lm.h"

namespace langzoo {

namespace {

class LmScoreVerb : public ComputeVerb {
 public:
  std::string name() const override { return "score"; }
  std::string summary() const override { return "the log-probability of every token of a text"; }
  std::string examples() const override {
    return "score --model run --text \"Mary went to the garden\"\n"
           "score --model run --data lines.txt --json\n"
           "score --model run --ids ids.txt --json\n";
  }
  std::string notes() const override {
    return "Each line ends with </s>, which is scored as well; </s> stands before the first and is not shown. The "
           "lines\n"
           "of --data are one text, each given those before it; those of --ids are texts of their own, to which\n"
           "no </s> is added.\n"
           "Fields under --json, an object a line: tokens, ids and logprobs (natural logarithms), as many of each.\n";
  }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--text", text_, "a text to score");
    options.add("--data", data_, "or a file with one sentence a line; without either the sentences come from stdin")
        .excludes("--text");
    options.add("--ids", ids_, "or a file with one sequence of ids a line: 1 2, [1,2] or {\"ids\": [1,2]}")
        .excludes("--text")
        .excludes("--data");
  }
  void compute(const ComputeOptions& common) override {
    std::vector<std::string> lines;
    if (ids_) lines = lines_of_file(*ids_);
    const auto lm = load_lm(family_of_program("lm"), model_, common, true);
    const auto end = LineEncoder(*lm.tokenizer).end();
    const auto score = [&](const std::vector<TokenId>& ids) {
      return stream_log_probabilities(*lm.model, ids, {}, lm.device);
    };
    if (!ids_) {
      const auto text = data_ ? open_stream_text(*data_, *lm.tokenizer, /*lines=*/true) : of_lines(lm);
      const auto& ids = *text.ids;
      const auto logs = score(ids);
      for (std::size_t begin = 1; begin < ids.size();) {
        auto stop = begin;
        while (ids[stop] != end) ++stop;
        print({ids.data() + begin, stop + 1 - begin}, {logs.data() + begin - 1, stop + 1 - begin}, lm, common.json);
        begin = stop + 1;
      }
      return;
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::vector<TokenId> ids = {end};
      const auto given = ids_of_line(lines[i], lm.model->vocab_size(), fmt::format("{}: line {}", *ids_, i + 1));
      ids.insert(ids.end(), given.begin(), given.end());
      print(given, score(ids), lm, common.json);
    }
  }

 private:
  /// Of --text or stdin.
  StreamText of_lines(const LoadedLm& lm) const {
    std::vector<std::string> lines;
    if (text_) {
      std::istringstream in(*text_);
      for (std::string line; std::getline(in, line);) lines.push_back(line);
      if (lines.empty()) lines.emplace_back();
    } else {
      lines = lines_of_stdin();
      if (lines.empty()) throw UsageError("no text: give --text, --data, --ids, or lines on stdin");
    }
    const LineEncoder encoder(*lm.tokenizer);
    const Where where = text_ ? [](std::size_t) { return std::string("--text"); } : lines_in("stdin");
    auto ids = std::make_shared<std::vector<TokenId>>(1, encoder.end());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      encode_from(where(i), [&] { encoder.encode(lines[i], *ids); });
      ids->push_back(encoder.end());
    }
    return {std::move(ids), lm.tokenizer->vocab_size()};
  }

  static void print(std::span<const TokenId> ids, std::span<const double> logs, const LoadedLm& lm, bool json) {
    std::vector<std::string> tokens;
    for (const auto id : ids) tokens.push_back(lm.tokenizer->has_token(id) ? lm.tokenizer->id_to_token(id) : "");
    if (json) {
      return print_json({{"tokens", tokens},
                         {"ids", std::vector<TokenId>(ids.begin(), ids.end())},
                         {"logprobs", std::vector<double>(logs.begin(), logs.end())}});
    }
    double total = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::cout << fmt::format("{:>10.4f}  {:>6}  {}\n", logs[i], ids[i], tokens[i]);
      total += logs[i];
    }
    std::cout << fmt::format("{:>10.4f}  in all, {} tokens predicted\n", total, ids.size());
  }

  std::string model_;
  std::optional<std::string> text_, data_, ids_;
};

}  // namespace

std::unique_ptr<Verb> lm_score_verb() {
  return std::make_unique<LmScoreVerb>();
}

}  // namespace langzoo
