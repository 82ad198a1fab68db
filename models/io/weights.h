/// The weights of a Hugging Face directory, whichever of its four forms they have.
#pragma once

#include <filesystem>

#include "models/io/state_dict.h"

namespace langzoo {

/// Reads the first there is of model.safetensors, model.safetensors.index.json (sharded), pytorch_model.bin,
/// pytorch_model.bin.index.json (sharded). Tensors share the files' mappings. Throws FileError: when none is there,
/// naming what was looked for; when a shard is missing or is named outside the directory; when the index and its shards
/// disagree.
StateDict load_weights(const std::filesystem::path& dir);

}  // namespace langzoo
