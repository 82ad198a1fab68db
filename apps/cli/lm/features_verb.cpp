#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/lm/verbs.h"
#include "apps/cli/text_lines.h"
#include "apps/training/stream_text.h"
#include "models/rnn_lm/rnn_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class LmFeaturesVerb : public ComputeVerb {
 public:
  std::string name() const override { return "features"; }
  std::string summary() const override { return "the states of every layer as a recurrent model reads sentences"; }
  std::string examples() const override { return "features --model run --data lines.txt --json\n"; }
  std::string notes() const override {
    return "Each line is read by itself, from states of zero, behind </s>.\n"
           "Fields under --json, an object a line: tokens, layers (the embedding and each layer's states: layer, "
           "token,\n"
           "width).\n";
  }
  void add_own_options(Options& options) override {
    add_model_folder(options, model_, kAnyModelHelp).required();
    options.add("--data", data_, "a file with one sentence a line").required();
  }
  void compute(const ComputeOptions& common) override {
    if (!common.json) throw UsageError("features are numbers for other programs: say --json");
    const auto lines = lines_of_file(data_);
    const auto lm = load_lm(family_of_program("lm"), model_, common, true);
    auto* const model = dynamic_cast<RnnLmImpl*>(&lm.model->module());
    if (model == nullptr) throw std::runtime_error(fmt::format("{}: is no recurrent language model", model_));
    const LineEncoder encoder(*lm.tokenizer);
    const c10::InferenceMode inference;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::vector<TokenId> ids;
      encode_from(lines_in(data_)(i), [&] { encoder.encode(lines[i], ids); });
      std::vector<std::string> tokens;
      for (const auto id : ids) tokens.push_back(lm.tokenizer->id_to_token(id));
      ids.insert(ids.begin(), encoder.end());
      auto memory = model->memory(1);
      std::vector<torch::Tensor> layers;
      model->read(torch::tensor(ids, torch::kInt64).unsqueeze(0).to(lm.device), memory, &layers);
      std::vector<std::vector<std::vector<double>>> numbers;
      for (const auto& layer : layers) numbers.push_back(rows_of(layer.squeeze(1)));
      print_json({{"tokens", tokens}, {"layers", numbers}});
    }
  }

 private:
  /// But the first, of </s>. Shapes: (T,C).
  static std::vector<std::vector<double>> rows_of(const torch::Tensor& layer) {
    const auto values = layer.to(torch::kCPU, torch::kFloat64).contiguous();
    std::vector<std::vector<double>> rows;
    for (std::int64_t t = 1; t < values.size(0); ++t) {
      const auto* const row = values.const_data_ptr<double>() + t * values.size(1);
      rows.emplace_back(row, row + values.size(1));
    }
    return rows;
  }

  std::string model_, data_;
};

}  // namespace

std::unique_ptr<Verb> lm_features_verb() {
  return std::make_unique<LmFeaturesVerb>();
}

}  // namespace langzoo
