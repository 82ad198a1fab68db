#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/bit_sequences/given_sequences.h"
#include "apps/cli/bit_sequences/verbs.h"
#include "apps/cli/model_verb.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class BitSequenceRunVerb : public ModelVerb {
 public:
  std::string name() const override { return "run"; }
  std::string summary() const override { return "what a model writes for sequences of yours"; }
  std::string examples() const override {
    return "run --model run --data sequences.jsonl\n"
           "run --model run --data -\n";
  }
  std::string notes() const override {
    return kGivenSequencesHelp +
           std::string(
               "Fields of the results, a JSON line each, with --json or without: output (rows of 0 and 1) and\n"
               "probabilities (of each bit being 1).\n");
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, "a file of JSON lines").required();
  }
  void compute(const ComputeOptions& common) override {
    const auto loaded = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_bit_sequence_model(model_, options, report);
    });
    const c10::InferenceMode inference;
    for_each_given_sequence(data_, bit_sequence_task_of_run(model_).format(), *loaded.model,
                            [&](const GivenSequence& given) { print(*loaded.model, given, loaded.device); });
  }

 private:
  static void print(BitSequenceModel& model, const GivenSequence& given, torch::Device device) {
    const auto all = model.logits(given.inputs.to(device)).sigmoid().to(torch::kCPU, torch::kFloat32).squeeze(1);
    const auto answers = all.slice(0, given.answer_begin).contiguous();
    std::vector<std::vector<int>> output;
    std::vector<std::vector<JsonValue>> probabilities;
    for (std::int64_t t = 0; t < answers.size(0); ++t) {
      output.emplace_back(), probabilities.emplace_back();
      for (std::int64_t j = 0; j < answers.size(1); ++j) {
        const float p = answers.const_data_ptr<float>()[t * answers.size(1) + j];
        output.back().push_back(p > 0.5f ? 1 : 0);
        probabilities.back().push_back(std::isfinite(p) ? JsonValue::from_text(fmt::format("{}", p)) : JsonValue());
      }
    }
    print_json({{"output", output}, {"probabilities", probabilities}});
  }

  std::string data_;
};

}  // namespace

std::unique_ptr<Verb> bit_sequence_run_verb() {
  return std::make_unique<BitSequenceRunVerb>();
}

}  // namespace langzoo
