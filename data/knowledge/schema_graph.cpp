#include "data/knowledge/schema_graph.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace langzoo {

void SchemaGraph::append_to(std::vector<std::int64_t>& numbers) const {
  numbers.push_back(static_cast<std::int64_t>(nodes.size()));
  numbers.insert(numbers.end(), nodes.begin(), nodes.end());
  numbers.push_back(static_cast<std::int64_t>(pairs.size()));
  for (const auto& [a, b] : pairs) numbers.push_back(a), numbers.push_back(b);
  numbers.push_back(static_cast<std::int64_t>(paths.size()));
  for (const auto& path : paths) {
    numbers.push_back(path.pair);
    numbers.push_back(static_cast<std::int64_t>(path.relations.size()));
    numbers.insert(numbers.end(), path.nodes.begin(), path.nodes.end());
    numbers.insert(numbers.end(), path.relations.begin(), path.relations.end());
  }
}

SchemaGraph SchemaGraph::read_from(std::span<const std::int64_t> numbers, std::size_t& at) {
  const auto next = [&] {
    if (at >= numbers.size()) throw std::out_of_range("a schema graph ends too early");
    return numbers[at++];
  };
  const auto several = [&](std::int64_t count, std::vector<std::int64_t>& to) {
    for (std::int64_t i = 0; i < count; ++i) to.push_back(next());
  };
  SchemaGraph graph;
  several(next(), graph.nodes);
  for (auto left = next(); left > 0; --left) {
    const auto a = next();
    graph.pairs.emplace_back(a, next());
  }
  for (auto left = next(); left > 0; --left) {
    SchemaPath path;
    path.pair = next();
    const auto hops = next();
    several(hops + 1, path.nodes);
    several(hops, path.relations);
    graph.paths.push_back(std::move(path));
  }
  return graph;
}

SchemaGraph ground(const KnowledgeGraph& whole, const ConceptFinder& concepts, std::string_view question,
                   std::string_view answer, const GroundingLimits& limits,
                   const std::function<double(const GraphPath&)>& score) {
  const auto find = [&](std::string_view text) {
    auto found = concepts.find(text);
    found.resize(std::min(found.size(), static_cast<std::size_t>(limits.max_concepts)));
    return found;
  };
  const auto of_question = find(question), of_answer = find(answer);
  SchemaGraph graph;
  std::unordered_map<std::int32_t, std::int64_t> places;
  const auto place_of = [&](std::int32_t entity) {
    const auto [at, is_new] = places.try_emplace(entity, static_cast<std::int64_t>(graph.nodes.size()));
    if (is_new) graph.nodes.push_back(entity);
    return at->second;
  };
  PathLimits search;
  search.most_hops = static_cast<std::size_t>(limits.max_hops);
  search.most_paths = static_cast<std::size_t>(limits.max_paths);
  for (const auto a : of_question) {
    for (const auto b : of_answer) {
      if (a == b) continue;
      const auto pair = static_cast<std::int64_t>(graph.pairs.size());
      const auto place = place_of(a);
      graph.pairs.emplace_back(place, place_of(b));
      for (const auto& path : find_paths(whole, a, b, search)) {
        if (score(path) < limits.path_threshold) continue;
        SchemaPath kept{pair, {}, {path.relations.begin(), path.relations.end()}};
        for (const auto entity : path.entities) kept.nodes.push_back(place_of(entity));
        graph.paths.push_back(std::move(kept));
      }
    }
  }
  return graph;
}

}  // namespace langzoo
