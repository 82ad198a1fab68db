#include "apps/training/tasks/knowledge_setup.h"

#include <fmt/format.h>

#include "apps/training/tasks/triple_corpus.h"
#include "apps/training/text_corpus.h"
#include "data/files/files.h"
#include "data/microworld/knowledge.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

void KnowledgeOptions::for_each_field(FieldVisitor& visit) {
  visit("knowledge", graph,
        {.help = "the knowledge graph: microworld, its facts; a file of triples; or the folder of a TransE model"});
  visit("knowledge_dim", dim,
        {.least = 1, .most = 4096, .help = "width of TransE's vectors, where no folder has them"});
  visit("knowledge_epochs", epochs, {.least = 1, .most = 1e6, .help = "for which TransE is trained then"});
}

bool KnowledgeOptions::made() const {
  return graph == kMicroworld;
}

void KnowledgeOptions::make_paths_absolute() {
  if (!made()) graph = absolute_if_there(graph);
}

Transe open_knowledge(const KnowledgeOptions& options, std::uint64_t microworld_seed, bool hold_out,
                      const fs::path& work, std::uint64_t seed, const Message& message) {
  if (!options.made() && fs::is_directory(options.graph)) return from_pretrained<Transe>(options.graph);
  if (fs::exists(work / "config.json")) return from_pretrained<Transe>(work);
  std::vector<NamedTriple> named;
  if (options.made()) {
    auto facts = microworld_facts(microworld_seed);
    named = std::move(facts.known);
    if (!hold_out) named.insert(named.end(), facts.held_out.begin(), facts.held_out.end());
  } else {
    named = read_named_triples(options.graph, message);
  }
  const auto graph = KnowledgeGraph::of(named);
  message(fmt::format("embedding {} triples of {} entities and {} relations", graph.triples().size(),
                      graph.entities().size(), graph.relations().size()));
  auto model = embedded(graph, options.dim, options.epochs, seed);
  model->save_pretrained(work);
  return model;
}

}  // namespace langzoo
