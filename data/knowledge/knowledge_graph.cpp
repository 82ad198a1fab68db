#include "data/knowledge/knowledge_graph.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "data/files/text_lines.h"

namespace langzoo {

namespace {

constexpr std::size_t kMostNameBytes = 1000;

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0u;
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool beyond = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
    if (overlong || beyond) return false;
    i += length;
  }
  return true;
}

std::vector<std::string_view> fields_of_line(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0;;) {
    const auto tab = line.find('\t', begin);
    fields.push_back(line.substr(begin, tab == std::string_view::npos ? tab : tab - begin));
    if (tab == std::string_view::npos) return fields;
    begin = tab + 1;
  }
}

/// "/c/en/wheat" of "/c/en/wheat/n/food"; empty for what is no concept.
std::string_view concept_of(std::string_view uri) {
  if (!uri.starts_with("/c/")) return {};
  const auto language = uri.find('/', 3);
  if (language == std::string_view::npos) return {};
  const auto end = uri.find('/', language + 1);
  return end == language + 1 ? std::string_view() : uri.substr(0, end);
}

void check_name(std::string_view name, const char* what) {
  if (name.empty() || name.find_first_not_of(kSpaces) == std::string_view::npos)
    throw std::runtime_error(fmt::format("the {} is empty", what));
  if (name.size() > kMostNameBytes)
    throw std::runtime_error(
        fmt::format("the {} has {} bytes, expected {} at most", what, name.size(), kMostNameBytes));
  if (!is_utf8(name)) throw std::runtime_error(fmt::format("the {} is no UTF-8", what));
}

template <class Ids>
std::int32_t id_of(Ids& ids, std::vector<std::string>& names, const std::string& name) {
  const auto [at, is_new] = ids.try_emplace(name, static_cast<std::int32_t>(names.size()));
  if (is_new) names.push_back(name);
  return at->second;
}

}  // namespace

TripleFile read_triples(const std::filesystem::path& path) {
  TripleFile file;
  bool first = true, assertions = false;
  std::int64_t line_number = 0;
  for_each_line(path, [&](std::string_view line) {
    ++line_number;
    if (line.find_first_not_of(kSpaces) == std::string_view::npos) return;
    const auto fields = fields_of_line(line);
    if (std::exchange(first, false)) assertions = fields.size() == 5 && line.starts_with("/a/[");
    NamedTriple triple;
    if (assertions) {
      if (fields.size() != 5)
        throw std::runtime_error(
            fmt::format("has {} fields between tabs, an assertion of ConceptNet 5", fields.size()));
      if (!fields[1].starts_with("/r/"))
        throw std::runtime_error(fmt::format("the second field is {}, expected a relation, /r/...", fields[1]));
      const auto head = concept_of(fields[2]), tail = concept_of(fields[3]);
      if (head.empty() || tail.empty()) {
        ++file.left_out;
        return;
      }
      triple = {std::string(head), std::string(fields[1].substr(3)), std::string(tail)};
    } else {
      if (fields.size() != 3)
        throw std::runtime_error(
            fmt::format("has {} fields between tabs, expected 3: head, relation and tail", fields.size()));
      triple = {std::string(fields[0]), std::string(fields[1]), std::string(fields[2])};
    }
    check_name(triple.head, "head");
    check_name(triple.relation, "relation");
    check_name(triple.tail, "tail");
    file.triples.push_back(std::move(triple));
    file.lines.push_back(line_number);
  });
  if (file.triples.empty()) throw FileError(path, "holds no triples: expected lines of head, relation and tail");
  return file;
}

KnowledgeGraph::KnowledgeGraph(std::vector<std::string> entities, std::vector<std::string> relations,
                               std::span<const Triple> triples)
    : entities_(std::move(entities)), relations_(std::move(relations)) {
  const auto index = [](const std::vector<std::string>& names, const char* what) {
    if (names.size() > std::numeric_limits<std::int32_t>::max() / 2)
      throw std::invalid_argument(fmt::format("{} are too many: {}", what, names.size()));
    Ids ids;
    ids.reserve(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!ids.try_emplace(names[i], static_cast<std::int32_t>(i)).second)
        throw std::invalid_argument(fmt::format("{}: {} comes twice", what, names[i]));
    }
    return ids;
  };
  entity_ids_ = index(entities_, "entities");
  relation_ids_ = index(relations_, "relations");
  const auto of_entities = static_cast<std::int32_t>(entities_.size());
  const auto of_relations = static_cast<std::int32_t>(relations_.size());
  const auto in = [](std::int32_t id, std::int32_t count) { return id >= 0 && id < count; };
  std::vector<std::tuple<std::int32_t, std::int32_t, std::int32_t>> edges;
  for (const auto& triple : triples) {
    const auto& [head, relation, tail] = triple;
    if (!in(head, of_entities) || !in(tail, of_entities) || !in(relation, of_relations)) {
      throw std::invalid_argument(fmt::format("the triple ({}, {}, {}): there are {} entities and {} relations", head,
                                              relation, tail, of_entities, of_relations));
    }
    edges.emplace_back(head, relation, tail);
    edges.emplace_back(tail, relation + of_relations, head);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  begins_.assign(entities_.size() + 1, 0);
  for (const auto& [from, relation, to] : edges) {
    ++begins_[static_cast<std::size_t>(from) + 1];
    edges_.push_back({relation, to});
  }
  for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
  // In the order given, each once.
  std::vector<std::pair<Triple, std::size_t>> order;
  for (const auto& triple : triples) order.emplace_back(triple, order.size());
  const auto key = [](const Triple& t) { return std::tuple(t.head, t.relation, t.tail); };
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return std::pair(key(a.first), a.second) < std::pair(key(b.first), b.second);
  });
  order.erase(std::unique(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first == b.first; }),
              order.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const auto& [triple, at] : order) triples_.push_back(triple);
}

KnowledgeGraph KnowledgeGraph::of(std::span<const NamedTriple> named) {
  std::vector<std::string> entities, relations;
  Ids entity_ids, relation_ids;
  std::vector<Triple> triples;
  for (const auto& triple : named) {
    const auto head = id_of(entity_ids, entities, triple.head);
    const auto relation = id_of(relation_ids, relations, triple.relation);
    triples.push_back({head, relation, id_of(entity_ids, entities, triple.tail)});
  }
  return {std::move(entities), std::move(relations), triples};
}

std::optional<std::int32_t> KnowledgeGraph::find(const Ids& ids, std::string_view name) {
  const auto found = ids.find(name);
  if (found == ids.end()) return std::nullopt;
  return found->second;
}

Triple KnowledgeGraph::ids_of(const NamedTriple& triple) const {
  const auto known = [](const std::optional<std::int32_t>& id, const char* what, const std::string& name) {
    if (!id) throw std::runtime_error(fmt::format("the graph has no {} {}", what, name));
    return *id;
  };
  return {known(find_entity(triple.head), "entity", triple.head),
          known(find_relation(triple.relation), "relation", triple.relation),
          known(find_entity(triple.tail), "entity", triple.tail)};
}

std::span<const GraphEdge> KnowledgeGraph::neighbors(std::int32_t entity) const {
  const auto i = static_cast<std::size_t>(entity);
  return std::span(edges_).subspan(begins_.at(i), begins_.at(i + 1) - begins_.at(i));
}

std::vector<std::int32_t> KnowledgeGraph::answers(std::int32_t entity, std::int32_t relation) const {
  const auto edges = neighbors(entity);
  const auto by_relation = [](const GraphEdge& a, const GraphEdge& b) { return a.relation < b.relation; };
  const auto [begin, end] = std::equal_range(edges.begin(), edges.end(), GraphEdge{relation, 0}, by_relation);
  std::vector<std::int32_t> entities;
  for (auto edge = begin; edge != end; ++edge) entities.push_back(edge->entity);
  return entities;
}

bool KnowledgeGraph::contains(const Triple& triple) const {
  const auto tails = answers(triple.head, triple.relation);
  return std::binary_search(tails.begin(), tails.end(), triple.tail);
}

std::string KnowledgeGraph::name_of(std::int32_t relation) const {
  const auto count = static_cast<std::int32_t>(relations_.size());
  return relation < count ? relations_.at(static_cast<std::size_t>(relation))
                          : "~" + relations_.at(static_cast<std::size_t>(relation - count));
}

Triple corrupted(const Triple& triple, const KnowledgeGraph& graph, Random& random) {
  const auto count = graph.entities().size();
  if (count < 2) return triple;
  Triple wrong = triple;
  for (int draw = 0; draw < 100; ++draw) {
    wrong = triple;
    auto& place = random.below(2) == 0 ? wrong.head : wrong.tail;
    place = static_cast<std::int32_t>(random.below(count));
    if (!graph.contains(wrong)) break;
  }
  return wrong;
}

}  // namespace langzoo
