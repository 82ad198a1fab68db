#include <algorithm>
#include <cmath>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/chart.h"
#include "apps/cli/lm/verbs.h"
#include "apps/training/saved_run.h"
#include "apps/training/stream_text.h"
#include "apps/training/tasks/lm_gradients.h"
#include "data/files/files.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr const char* kKinds[] = {"rnn", "lstm", "gru", "transformer"};

constexpr const char* kStyle = R"css(
.run0 { stroke: #1f5fbf; } .run1 { stroke: #b4552d; } .run2 { stroke: #4a7f6b; } .run3 { stroke: #8a56a8; }
.run4 { stroke: #a08a2c; }
@media (prefers-color-scheme: dark) { .run0 { stroke: #7fb2ff; } .run1 { stroke: #e59a74; } .run2 { stroke: #7cc0a5; }
  .run3 { stroke: #c79be0; } .run4 { stroke: #d8c46a; } }
)css";

/// Numbers that span many powers of ten, as those powers.
Curve logarithmic(const std::string& name, std::size_t style, const std::vector<double>& values) {
  Curve curve{name, fmt::format("run{}", style), {}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > 0) curve.points.push_back({static_cast<double>(i), std::log10(values[i])});
  }
  return curve;
}

/// "run" of runs/run/, "run/best" of its best weights.
std::string shown_name(const std::string& model) {
  const auto path = std::filesystem::path(model).lexically_normal();
  const auto folder = path.has_filename() ? path : path.parent_path();
  const auto run = folder.parent_path().filename();
  return (folder.filename() == "best" && !run.empty() ? run / "best" : folder.filename()).string();
}

class LmGradientsVerb : public ComputeVerb {
 public:
  std::string name() const override { return "gradients"; }
  std::string summary() const override { return "see how far gradients reach back, and how large they become"; }
  std::string examples() const override {
    return "gradients --model run --out gradients.html\n"
           "gradients --model run --data test.txt --back 200 --json\n";
  }
  std::string notes() const override {
    return "Of the model, and of new ones as large of each kind: rnn, lstm, gru, transformer. One page: the norm of "
           "the\n"
           "gradient of a token's loss by the embeddings of those before it; and of the whole gradient in the first\n"
           "steps of training new models, with and without clipping. The text is the run's own unless --data names "
           "one.\n"
           "Fields under --json: through_time (name, norms by tokens back) and training (name, clip_norm, norms, "
           "losses).\n";
  }
  bool heeds_seed() const override { return true; }
  bool has_device() const override { return false; }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--out", out_, "the page to write");
    options.add("--data", data_, "text: a file, a folder of .txt files, or microworld");
    options.add("--back", back_, "tokens to look back").range(2, 1000);
    options.add("--rows", rows_, "places of the text, over which norms are means").range(1, 1000);
    options.add("--steps", training_.steps, "steps of training new models").range(1, 100000);
    options.add("--learning-rate", training_.learning_rate, "of these steps").between(1e-9, 1e6);
    options.add("--clip-norm", clip_norm_, "largest gradient norm where there is clipping").between(1e-9, 1e9);
  }
  void compute(const ComputeOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    if (!out_.empty()) check_writable(out_);
    torch::manual_seed(common.seed_or(1));
    auto on_cpu = common;
    on_cpu.device = "cpu";
    const auto lm = load_lm(family_of_program("lm"), model_, on_cpu, true);
    const auto sizes = lm_sizes(*lm.model);
    if (sizes.positions > 0 && back_ > sizes.positions)
      throw UsageError(fmt::format("--back {}: more than the model's context of {} tokens", back_, sizes.positions));
    const auto text = open_stream_text(data(), *lm.tokenizer, lines_of_run(model_), microworld_seed_of(model_));
    const auto ids = windows(*text.ids);
    training_.batch_size = std::clamp<std::int64_t>(text.predicted() / training_.bptt, 1, training_.batch_size);

    std::vector<Curve> back, plain, clipped;
    std::vector<JsonValue> through_time, training;
    const auto add = [&](const std::string& name, CausalLm& model) {
      const auto norms = gradients_through_time(model, ids);
      through_time.push_back({{"name", name}, {"norms", norms}});
      back.push_back(logarithmic(name, back.size(), norms));
    };
    add(shown_name(model_), *lm.model);
    for (const auto* const kind : kKinds) add(fmt::format("new {}", kind), *lm_of_size(kind, sizes));
    std::size_t style = 1;
    for (const auto* const kind : kKinds) {
      for (const double clip : {0.0, clip_norm_}) {
        torch::manual_seed(common.seed_or(1));
        const auto model = lm_of_size(kind, sizes);
        model->module().train();
        training_.clip_norm = clip;
        const auto seen = gradient_norms_in_training(*model, *text.ids, training_);
        training.push_back({{"name", kind}, {"clip_norm", clip}, {"norms", seen.norms}, {"losses", seen.losses}});
        (clip > 0 ? clipped : plain).push_back(logarithmic(kind, style, seen.norms));
      }
      ++style;
    }
    if (common.json) print_json({{"through_time", through_time}, {"training", training}});
    if (out_.empty()) return;
    HtmlPage page;
    page.title = "Gradients through time";
    page.subtitle = fmt::format("{} beside new models of its size", model_);
    page.style = std::string(kChartStyle) + kStyle;
    page.body = "<div class=\"charts\">" +
                chart_card("log10 of the gradient's norm, by tokens back", back, true, "tokens back") +
                chart_card("log10 of the whole gradient's norm in training, without clipping", plain, true) +
                chart_card(fmt::format("the same, clipped to a norm of {}", clip_norm_), clipped, true) + "</div>";
    page.footer = fmt::format(
        "Above: the loss of one token by the embedding of each before it, means over {} places. Below: SGD at {}; a "
        "curve "
        "ends where the loss or the gradient is not finite; norms are those before clipping.",
        ids.size(0), training_.learning_rate);
    write_file_atomically(out_, html_page(page));
    std::cerr << fmt::format("gradients of {} models written to {}\n", back.size(), out_);
  }

 private:
  std::string data() const {
    if (!data_.empty()) return data_;
    StreamTextOptions run;
    read_run_section(model_, "data", run);
    if (run.train.empty()) throw UsageError("--data is missing: the model does not say what text it is of");
    return run.valid.empty() ? run.train : run.valid;
  }

  /// Shapes: (rows, back + 1).
  torch::Tensor windows(const std::vector<TokenId>& ids) const {
    const auto size = static_cast<std::int64_t>(ids.size());
    if (size < back_ + 1)
      throw std::runtime_error(fmt::format("the text has {} tokens, fewer than --back {} needs", size, back_));
    const std::vector<std::int64_t> wide(ids.begin(), ids.end());
    const auto all = torch::tensor(wide, torch::kInt64);
    const auto rows = std::min(rows_, size - back_);
    std::vector<torch::Tensor> windows;
    for (std::int64_t i = 0; i < rows; ++i)
      windows.push_back(all.narrow(0, i * (size - back_ - 1) / std::max<std::int64_t>(1, rows - 1), back_ + 1));
    return torch::stack(windows);
  }

  std::string model_, out_, data_;
  std::int64_t back_ = 100, rows_ = 16;
  double clip_norm_ = 0.25;
  GradientTraining training_;
};

}  // namespace

std::unique_ptr<Verb> lm_gradients_verb() {
  return std::make_unique<LmGradientsVerb>();
}

}  // namespace langzoo
