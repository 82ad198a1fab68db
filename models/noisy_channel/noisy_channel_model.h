/// A noisy channel as a model folder holds it: config.json and model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>

#include "models/noisy_channel/noisy_channel.h"

namespace langzoo {

/// f is the source, e the target.
struct NoisyChannelModel {
  std::int64_t source_vocab_size = 0;
  IbmModel channel;
  NGramModel language;          ///< of the target; its vocabulary is the target's
  NoisyChannelOptions options;  ///< how to translate where nothing else is asked for

  /// Each file is written atomically, the tables first; makes `dir` when missing.
  void save(const std::filesystem::path& dir) const;
  /// Throws std::runtime_error (FileError) naming file and field for whatever is not as save() writes it.
  static NoisyChannelModel load(const std::filesystem::path& dir);
};

}  // namespace langzoo
