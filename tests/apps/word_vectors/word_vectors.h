/// langzoo-word2vec, and vectors for it to work with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/word_vectors/formats.h"
#include "tests/support/process.h"

namespace langzoo::test {

inline Result word2vec(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-word2vec", std::move(arguments), input).wait();
}

/// What a run that must succeed prints.
inline std::string output(std::vector<std::string> arguments, const std::string& input = {}) {
  const auto result = word2vec(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result.out;
}

/// tests/fixtures/word_vectors/<name>
inline std::string vector_fixture(const std::string& name) {
  return fixture("word_vectors/" + name).string();
}

/// A file of a few words whose neighbours can be told by eye.
inline std::string write_compass(const TempDir& dir) {
  const WordVectors vectors(
      {"</s>", "North", "east", "northeast", "south", "na\xc3\xafve\xff"},
      torch::tensor(
          {{0.f, 1.f, 0.f}, {0.f, 2.f, 0.f}, {3.f, 0.f, 0.f}, {1.f, 1.f, 0.f}, {0.f, -1.f, 0.f}, {0.f, 0.f, 1.f}}));
  const auto path = dir / "compass.bin";
  write_word_vectors(path, vectors, VectorFormat::kBinary);
  return path.string();
}

}  // namespace langzoo::test
