#include "apps/cli/kagnet/paths_page.h"

#include <algorithm>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/training/tasks/kagnet.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr std::size_t kPathsOfOthers = 3;

std::string path_row(const KagNetImpl& model, const WeighedPath& path) {
  auto chips = fmt::format("<mark>{}</mark>", html_escaped(shown_entity(model, path.entities[0])));
  for (std::size_t i = 0; i < path.relations.size(); ++i) {
    auto relation = shown_relation(model, path.relations[i]);
    const bool backwards = relation.starts_with('~');
    if (backwards) relation.erase(0, 1);
    chips += fmt::format(" <span class=\"step\">{}{}{}</span> <mark>{}</mark>", backwards ? "← " : "",
                         html_escaped(relation), backwards ? "" : " →",
                         html_escaped(shown_entity(model, path.entities[i + 1])));
  }
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td>{:.1f} %<div class=\"bar\" style=\"width:{:.1f}%\"></div></td></tr>\n", chips,
      100 * path.weight, 100 * path.weight);
}

}  // namespace

ExplainedChoice explain(KagNetImpl& model, const EncodedExamples& encoded, std::int64_t example) {
  const c10::InferenceMode inference;
  const auto device = model.parameters().front().device();
  const auto batch = to_device(token_batch(encoded.examples, {example}, encoded.pad), device);
  const auto graphs = schema_graphs(encoded, example);
  const auto output = model.forward(inputs_of(batch), SchemaBatch::of(graphs, model.num_relations()).on(device));
  ExplainedChoice explained;
  const auto numbers = [](const torch::Tensor& tensor) {
    const auto flat = tensor.to(torch::kCPU, torch::kFloat64).flatten().contiguous();
    return std::vector<double>(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
  };
  explained.probabilities = numbers(output.logits.softmax(1));
  std::vector<double> of_pairs, of_paths;
  if (output.pair_weights.defined()) of_pairs = numbers(output.pair_weights);
  if (output.path_weights.defined()) of_paths = numbers(output.path_weights);
  std::size_t first_pair = 0, next_path = 0;
  for (const auto& graph : graphs) {
    auto& paths = explained.paths.emplace_back();
    for (const auto& path : graph.paths) {
      auto& weighed = paths.emplace_back();
      weighed.weight = of_paths.at(next_path++) * of_pairs.at(first_pair + static_cast<std::size_t>(path.pair));
      for (const auto node : path.nodes) weighed.entities.push_back(graph.nodes.at(static_cast<std::size_t>(node)));
      weighed.relations = path.relations;
    }
    first_pair += graph.pairs.size();
    std::stable_sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  }
  return explained;
}

std::string shown_entity(const KagNetImpl& model, std::int64_t entity) {
  return concept_text(model.config().knowledge.entities.at(static_cast<std::size_t>(entity)));
}
std::string shown_relation(const KagNetImpl& model, std::int64_t relation) {
  return model.knowledge->graph().name_of(static_cast<std::int32_t>(relation));
}

std::string show_paths(const PredictedExamples& predicted) {
  auto& model = dynamic_cast<KagNetImpl&>(predicted.model);
  const auto& examples = dynamic_cast<const RawExamplesOf<ChoiceExample>&>(predicted.raw).items;
  std::string page =
      "<style>.answer{margin:10px 0 2px;font-weight:600}.answer.others{font-weight:400;color:var(--soft)}"
      ".path{line-height:2}.step{color:var(--soft);font-size:12.5px;white-space:nowrap}"
      ".none{color:var(--soft);font-size:13.5px}</style>\n<div class=\"examples\">\n";
  for (std::size_t i = 0; i < std::min(examples.size(), kMostShownExamples); ++i) {
    const auto [probabilities, paths] = explain(model, predicted.encoded, static_cast<std::int64_t>(i));
    const auto chosen =
        static_cast<std::size_t>(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
    page += fmt::format("<section class=\"card\"><h2>{}</h2>\n", html_escaped(examples[i].premise));
    std::vector<std::size_t> order(probabilities.size());
    for (std::size_t a = 0; a < order.size(); ++a) order[a] = a;
    std::stable_sort(order.begin(), order.end(),
                     [&, &p = probabilities](std::size_t a, std::size_t b) { return p[a] > p[b]; });
    for (const auto a : order) {
      page += fmt::format("<div class=\"answer{}\">{} <small>{:.1f} %</small></div>\n", a == chosen ? "" : " others",
                          html_escaped(examples[i].choices[a]), 100 * probabilities[a]);
      const auto most = a == chosen ? kMostShownPaths : kPathsOfOthers;
      if (paths[a].empty()) page += "<div class=\"none\">no path leads there</div>\n";
      std::string rows;
      for (std::size_t k = 0; k < std::min(paths[a].size(), most); ++k) rows += path_row(model, paths[a][k]);
      if (!rows.empty()) page += "<table class=\"of-words\">" + rows + "</table>\n";
    }
    page += "</section>\n";
  }
  return page + "</div>\n";
}

}  // namespace langzoo
