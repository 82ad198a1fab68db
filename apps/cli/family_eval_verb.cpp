#include "apps/cli/family_eval_verb.h"

#include <utility>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/model_verb.h"
#include "apps/training/families.h"

namespace langzoo {

namespace {

class FamilyEvalVerb : public ModelVerb {
 public:
  FamilyEvalVerb(std::string data, std::string fields) : data_help_(std::move(data)), fields_(std::move(fields)) {}

  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model"; }
  std::string examples() const override { return "eval --model run --data microworld --json\n"; }
  std::string notes() const override { return "Fields under --json:\n" + fields_; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, data_help_).required();
    options.add("--batch-size", batch_size_, "examples computed together").range(1, 4096);
  }
  void compute(const ComputeOptions& common) override {
    EvaluationOptions options;
    options.device = common.torch_device(), options.dtype = common.torch_dtype();
    options.batch_size = static_cast<std::int64_t>(batch_size_);
    options.message = print_message;
    std::vector<Figure> figures;
    for (const auto& [name, value] : values_of(evaluate(model_, data_, options)))
      figures.push_back({name, name, value});
    print_figures(figures, common.json);
  }

 private:
  const std::string data_help_, fields_;
  std::string data_;
  std::size_t batch_size_ = 32;
};

}  // namespace

std::unique_ptr<Verb> family_eval_verb(const std::string& data, const std::string& fields) {
  return std::make_unique<FamilyEvalVerb>(data, fields);
}

}  // namespace langzoo
