#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/lm/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/training/stream_text.h"
#include "models/elmo/elmo_features.h"
#include "models/rnn_lm/rnn_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class LmFeaturesVerb : public ComputeVerb {
 public:
  std::string name() const override { return "features"; }
  std::string summary() const override {
    return "the states of every layer as a recurrent model, or an ELMo, reads sentences";
  }
  std::string examples() const override { return "features --model run --data lines.txt --json\n"; }
  std::string notes() const override {
    return "Each line is read by itself, from states of zero, behind </s>. An ELMo reads it from both ends: layer 0 is "
           "the\n"
           "token layer twice, of the others the forward state stands before the backward one; a folder of its "
           "released\n"
           "form has options.json and weights.hdf5.\n"
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
    if (holds_elmo(model_)) return print_elmo(lines, common);
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
      std::vector<Rows> numbers;
      for (const auto& layer : layers) numbers.push_back(rows_of(layer.squeeze(1).slice(0, 1)));  // not that of </s>
      print_json({{"tokens", tokens}, {"layers", numbers}});
    }
  }

 private:
  using Rows = std::vector<std::vector<double>>;

  void print_elmo(const std::vector<std::string>& lines, const ComputeOptions& common) const {
    const auto elmo = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return ElmoFeatures::load(model_, options.device, options.dtype, report);
    });
    std::vector<std::vector<std::string>> sentences;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      encode_from(lines_in(data_)(i), [&] {
        const auto words = words_of_sentence(lines[i]);
        sentences.emplace_back(words.begin(), words.end());
      });
    }
    for (const auto& sentence : sentences) {
      std::vector<Rows> numbers;
      for (const auto& layer : elmo.layers(sentence).unbind(0)) numbers.push_back(rows_of(layer));
      print_json({{"tokens", sentence}, {"layers", numbers}});
    }
  }

  /// Shapes: (T,C).
  static Rows rows_of(const torch::Tensor& layer) {
    const auto values = layer.to(torch::kCPU, torch::kFloat64).contiguous();
    Rows rows;
    for (std::int64_t t = 0; t < values.size(0); ++t) {
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
