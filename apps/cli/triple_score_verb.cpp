#include "apps/cli/triple_score_verb.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/training/tasks/transe.h"
#include "apps/training/tasks/triple_corpus.h"
#include "models/registry.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

class TripleScoreVerb : public ModelVerb {
 public:
  std::string name() const override { return "score"; }
  std::string summary() const override { return "how well triples fit a graph that TransE has embedded"; }
  std::string examples() const override {
    return "score --model run --triple Mary lives_in Paris\nscore --model run --data triples.tsv --json\n";
  }
  std::string notes() const override {
    return "The score is the negative distance of head + relation to the tail: 0 fits best.\n"
           "Fields under --json, a line a triple: head, relation, tail, score.\n";
  }
  bool has_device() const override { return false; }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, "triples: lines of head TAB relation TAB tail, or ConceptNet's assertions");
    options.add("--triple", triple_, "or one: head, relation and tail").values(3);
    options.exactly_one_of({"--data", "--triple"});
  }
  void compute(const ComputeOptions& common) override {
    LoadReport report;
    const auto model =
        as_interface<TranseImpl>(registered_model(model_).load(model_, &report, {}), registered_model(model_), model_);
    show_load_report(model_, report);
    const auto& graph = model->graph();
    std::vector<Triple> triples;
    if (data_.empty()) {
      try {
        triples = {graph.ids_of({triple_[0], triple_[1], triple_[2]})};
      } catch (const std::runtime_error& error) {
        throw std::runtime_error(fmt::format("--triple: {}", error.what()));
      }
    } else {
      triples = read_known_triples(data_, graph);
    }
    const torch::NoGradGuard no_grad;
    const auto distances = model->distances(tensor_of(triples));
    for (std::size_t i = 0; i < triples.size(); ++i) {
      const auto name = [](const std::vector<std::string>& names, std::int32_t id) {
        return names[static_cast<std::size_t>(id)];
      };
      const auto head = name(graph.entities(), triples[i].head), tail = name(graph.entities(), triples[i].tail);
      const auto relation = name(graph.relations(), triples[i].relation);
      const double score = -distances[static_cast<std::int64_t>(i)].item<double>();
      if (common.json)
        print_json({{"head", head}, {"relation", relation}, {"tail", tail}, {"score", score}});
      else
        std::cout << fmt::format("{}\t{}\t{}\t{:.4f}\n", head, relation, tail, score);
    }
  }

 private:
  std::string data_;
  std::vector<std::string> triple_;
};

}  // namespace

std::unique_ptr<Verb> triple_score_verb() {
  return std::make_unique<TripleScoreVerb>();
}

}  // namespace langzoo
