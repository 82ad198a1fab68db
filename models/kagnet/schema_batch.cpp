#include "models/kagnet/schema_batch.h"

#include <algorithm>
#include <set>

#include "third_party/torch.h"

namespace langzoo {

SchemaBatch SchemaBatch::of(std::span<const SchemaGraph> graphs, std::int64_t num_relations) {
  std::vector<std::int64_t> nodes, from, to, pair_graphs, pair_a, pair_b, path_pairs, path_lengths;
  std::vector<std::vector<std::int64_t>> path_nodes, path_relations;
  std::size_t longest = 1;
  for (std::size_t g = 0; g < graphs.size(); ++g) {
    const auto& graph = graphs[g];
    const auto first = static_cast<std::int64_t>(nodes.size());
    const auto first_pair = static_cast<std::int64_t>(pair_graphs.size());
    nodes.insert(nodes.end(), graph.nodes.begin(), graph.nodes.end());
    for (const auto& [a, b] : graph.pairs) {
      pair_graphs.push_back(static_cast<std::int64_t>(g));
      pair_a.push_back(first + a);
      pair_b.push_back(first + b);
    }
    std::set<std::pair<std::int64_t, std::int64_t>> edges;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto node = first + static_cast<std::int64_t>(i);
      edges.emplace(node, node);
    }
    for (const auto& path : graph.paths) {
      path_pairs.push_back(first_pair + path.pair);
      path_lengths.push_back(static_cast<std::int64_t>(path.nodes.size()));
      path_nodes.emplace_back();
      for (const auto node : path.nodes) path_nodes.back().push_back(first + node);
      path_relations.push_back(path.relations);
      longest = std::max(longest, path.nodes.size());
      for (std::size_t i = 1; i < path.nodes.size(); ++i) {
        edges.emplace(first + path.nodes[i - 1], first + path.nodes[i]);
        edges.emplace(first + path.nodes[i], first + path.nodes[i - 1]);
      }
    }
    for (const auto& [a, b] : edges) from.push_back(a), to.push_back(b);
  }
  const auto ids = [](const std::vector<std::int64_t>& values) { return torch::tensor(values, torch::kInt64); };
  const auto edge_from = ids(from), edge_to = ids(to);
  const auto degrees = edge_to.bincount({}, static_cast<std::int64_t>(nodes.size())).to(torch::kFloat64);  // (M)
  const auto weights = (degrees.index_select(0, edge_from) * degrees.index_select(0, edge_to)).rsqrt();    // (Q)
  const auto table = [&](const std::vector<std::vector<std::int64_t>>& rows, std::int64_t filling) {
    const auto padded = torch::full({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(longest)},
                                    filling, torch::kInt64);
    auto* at = padded.data_ptr<std::int64_t>();
    for (const auto& row : rows) std::copy(row.begin(), row.end(), at), at += longest;
    return padded;
  };
  return {ids(nodes),
          edge_from,
          edge_to,
          weights.to(torch::kFloat32),
          ids(pair_graphs),
          ids(pair_a),
          ids(pair_b),
          ids(path_pairs),
          ids(path_lengths),
          table(path_nodes, 0),
          table(path_relations, 2 * num_relations),
          static_cast<std::int64_t>(graphs.size())};
}

SchemaBatch SchemaBatch::on(torch::Device device) const {
  auto moved = *this;
  for (auto* const tensor :
       {&moved.nodes, &moved.from, &moved.to, &moved.weights, &moved.pair_graphs, &moved.pair_a, &moved.pair_b,
        &moved.path_pairs, &moved.path_lengths, &moved.path_nodes, &moved.path_relations})
    *tensor = tensor->to(device);
  return moved;
}

}  // namespace langzoo
