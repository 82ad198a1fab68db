#include "apps/training/tasks/triple_corpus.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/files/files.h"
#include "data/microworld/knowledge.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

void keep_facts(const fs::path& folder, const MicroworldFacts& facts) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be created: " + error.message());
  write_file_atomically(folder / "train.tsv", triples_text(facts.known));
  write_file_atomically(folder / "valid.tsv", triples_text(facts.held_out));
}

/// That share of a graph's triples is set aside, but none whose names stand nowhere else: they would have no place.
TripleCorpus divided(const KnowledgeGraph& all, double share) {
  TripleCorpus corpus;
  std::vector<Triple> learnt;
  std::vector<std::int64_t> times(all.entities().size(), 0);
  for (const auto& triple : all.triples())
    ++times[static_cast<std::size_t>(triple.head)], ++times[static_cast<std::size_t>(triple.tail)];
  const auto aside_of = [&](std::size_t count) { return static_cast<std::size_t>(static_cast<double>(count) * share); };
  for (std::size_t i = 0; i < all.triples().size(); ++i) {
    const auto& triple = all.triples()[i];
    auto &head = times[static_cast<std::size_t>(triple.head)], &tail = times[static_cast<std::size_t>(triple.tail)];
    const bool aside = aside_of(i + 1) > aside_of(i) && head > 1 && tail > 1 && triple.head != triple.tail;
    if (aside) --head, --tail;
    (aside ? corpus.valid : learnt).push_back(triple);
  }
  corpus.graph = KnowledgeGraph(all.entities(), all.relations(), learnt);
  return corpus;
}

}  // namespace

void TripleOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train,
        {.help = "triples: lines of head TAB relation TAB tail, ConceptNet's assertions, or microworld"});
  visit("valid", valid, {.help = "likewise, of the same names; empty: a part of it"});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of data.train, where data.valid is empty"});
  visit("microworld_seed", microworld_seed, {.help = "which facts microworld makes, where data.train = microworld"});
}

TripleCorpus open_triple_corpus(const TripleOptions& options, const fs::path& dir, const Message& message) {
  if (options.train.empty()) throw ConfigError("data.train is missing: a file of triples, or microworld");
  const bool made = options.train == kMicroworld,
             holds_out = options.valid.empty() ? made : options.valid == kMicroworld;
  MicroworldFacts facts;
  if (made || holds_out) facts = microworld_facts(options.microworld_seed);
  if (made) keep_facts(dir, facts);
  const auto all = KnowledgeGraph::of(made ? facts.known : read_named_triples(options.train, message));
  auto corpus = divided(all, made || !options.valid.empty() ? 0 : options.valid_fraction);
  if (holds_out) {
    for (const auto& triple : facts.held_out) corpus.valid.push_back(all.ids_of(triple));
  } else if (!options.valid.empty()) {
    corpus.valid = read_known_triples(options.valid, all);
  }
  return corpus;
}

std::vector<NamedTriple> read_named_triples(const fs::path& path, const Message& message) {
  auto file = read_triples(path);
  if (file.left_out > 0)
    message(fmt::format("{}: left out: {} assertions that do not lead from concept to concept", path.string(),
                        file.left_out));
  return std::move(file.triples);
}

std::vector<Triple> read_known_triples(const fs::path& path, const KnowledgeGraph& graph) {
  const auto file = read_triples(path);
  std::vector<Triple> triples;
  for (std::size_t i = 0; i < file.triples.size(); ++i) {
    try {
      triples.push_back(graph.ids_of(file.triples[i]));
    } catch (const std::runtime_error& error) {
      throw FileError(path, fmt::format("line {}: {}", file.lines[i], error.what()));
    }
  }
  return triples;
}

}  // namespace langzoo
