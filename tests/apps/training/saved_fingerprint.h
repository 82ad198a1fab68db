/// The data's fingerprint in a run's saved state, for tests of what --resume accepts.
#pragma once

#include <filesystem>
#include <string>

#include "apps/training/training_state.h"

namespace langzoo::test {

inline std::string saved_fingerprint(const std::filesystem::path& out) {
  return load_training_state(out).value().fingerprint;
}

/// Makes the saved state one that was saved under `fingerprint`.
inline void set_saved_fingerprint(const std::filesystem::path& out, const std::string& fingerprint) {
  auto state = load_training_state(out).value();
  state.fingerprint = fingerprint;
  if (state.tensors.contains("trainer.json")) state.tensors.erase("trainer.json");  // which saving writes anew
  save_training_state(out, state);
}

}  // namespace langzoo::test
