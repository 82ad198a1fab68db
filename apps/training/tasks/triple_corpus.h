/// Triples of knowledge graphs, for every run that reads some: what data.train and data.valid mean there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/training/message.h"
#include "data/knowledge/knowledge_graph.h"
#include "models/io/config_fields.h"

namespace langzoo {

/// The section `data` of a run that learns a graph.
struct TripleOptions {
  std::string train, valid;
  double valid_fraction = 0.1;
  std::uint64_t microworld_seed = 1;

  void for_each_field(FieldVisitor& visit);
};

struct TripleCorpus {
  KnowledgeGraph graph;  ///< of those to learn from; its names are those of triples to validate too
  std::vector<Triple> valid;
};
/// Microworld's facts are kept in `dir`, as files that other programs read. Throws ConfigError for impossible options,
/// FileError for bad data.
TripleCorpus open_triple_corpus(const TripleOptions& options, const std::filesystem::path& dir, const Message& message);

/// The triples of a file, of any names. Throws FileError.
std::vector<NamedTriple> read_named_triples(const std::filesystem::path& file, const Message& message);
/// By the graph's ids. Throws FileError naming file and line for names that it does not know.
std::vector<Triple> read_known_triples(const std::filesystem::path& file, const KnowledgeGraph& graph);

}  // namespace langzoo
