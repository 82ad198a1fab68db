/// What the setups of runs that know a graph have in common.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/run_config.h"
#include "apps/training/tasks/transe.h"

namespace langzoo {

/// Which graph a run that needs one knows.
struct KnowledgeOptions {
  std::string graph = "microworld";      ///< its facts, a file of triples, or the folder of a TransE model
  std::int64_t dim = 100, epochs = 200;  ///< of TransE, where it is trained for the run

  void for_each_field(FieldVisitor& visit);
  void make_paths_absolute();
  bool made() const;  ///< of microworld
};
/// The graph with its vectors. Where no folder has them, TransE is trained, once, and kept in `work`. `hold_out`:
/// without those of microworld's facts that validate.
Transe open_knowledge(const KnowledgeOptions& options, std::uint64_t microworld_seed, bool hold_out,
                      const std::filesystem::path& work, std::uint64_t seed, const Message& message);

/// `Setup` with the keys of KnowledgeOptions. The graph is opened by make_task(), before the model is there.
template <class Setup>
class WithGraph : public Setup {
 public:
  using Setup::Setup;

  void bind(RunConfig& config, TrainSetting& setting) override {
    Setup::bind(config, setting);
    config.bind("data", knowledge_);
    setting_ = &setting;
  }
  std::vector<TrainFlag> flags() const override {
    auto flags = Setup::flags();
    flags.push_back({"--knowledge", "data.knowledge"});
    flags.push_back({"--batch-size", "train.batch_size"});
    return flags;
  }
  void complete(RunConfig& config) override {
    knowledge_.make_paths_absolute();
    Setup::complete(config);
  }
  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = Setup::unread_keys();
    const bool folder = !knowledge_.made() && std::filesystem::is_directory(knowledge_.graph);
    unread.push_back({folder, "a run that is given a TransE model", {"data.knowledge_dim", "data.knowledge_epochs"}});
    unread.push_back({!setting_->init.empty(),
                      "a run that begins with another model's graph",
                      {"data.knowledge", "data.knowledge_dim", "data.knowledge_epochs"}});
    return unread;
  }

 protected:
  /// The folder of a model whose graph the run takes, weights included: train.init's. Otherwise graph_ is opened, and
  /// the new model's own is to be made of it; a run that goes on opens what it began with, by which its examples were
  /// encoded, and not what it has learnt since.
  std::optional<std::filesystem::path> open_graph(const TrainSetting& setting, std::uint64_t seed, bool hold_out) {
    if (!setting.init.empty()) return setting.init;
    graph_ = open_knowledge(knowledge_, seed, hold_out, setting.out / "data" / "knowledge", setting.trainer.seed,
                            setting.message);
    return std::nullopt;
  }

  KnowledgeOptions knowledge_;
  Transe graph_{nullptr};  ///< of a new model
  const TrainSetting* setting_ = nullptr;
};

}  // namespace langzoo
