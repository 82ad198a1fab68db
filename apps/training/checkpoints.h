/// The weights of earlier steps that a run keeps, TrainerOptions::keep_checkpoints: model folders in its own, whose
/// mean is often better than the last of them (Vaswani et al. 2017, section 6.1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace langzoo {

/// Of a folder that ELECTRA's pretraining wrote: the generator, a model folder too.
inline constexpr const char* kGeneratorDir = "generator";

struct KeptCheckpoint {
  std::int64_t step = 0;
  std::filesystem::path dir;  ///< RUN/checkpoint-STEP
};

/// In the order of their steps. Throws FileError for a folder that cannot be read.
std::vector<KeptCheckpoint> kept_checkpoints(const std::filesystem::path& run);
/// Whether a run calls such a folder so, also while it is written.
bool is_checkpoint_name(const std::string& name);

/// `save` fills the folder, which appears as a whole; one of the same step goes. Throws FileError, and what `save`
/// throws.
void save_checkpoint(const std::filesystem::path& run, std::int64_t step,
                     const std::function<void(const std::filesystem::path& dir)>& save);
void remove_checkpoint(const std::filesystem::path& run, std::int64_t step);
/// What is left of a part of the run that is not gone on with: folders of steps after `step`, and unfinished ones.
void remove_later_checkpoints(const std::filesystem::path& run, std::int64_t step);

/// Writes into the new or empty folder `out` the model whose weights are the mean of those in `dirs`, with the config
/// and the tokenizers that they share, and likewise their generators. Throws ConfigError for a folder that is not
/// empty, and for fewer than one in `dirs`, FileError naming what the models have different: a tensor's name or shape,
/// a key of config.json but for dropouts, a tokenizer's file. Nothing is written then.
void average_models(std::span<const std::filesystem::path> dirs, const std::filesystem::path& out);

}  // namespace langzoo
