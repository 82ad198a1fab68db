/// langzoo-tokenizer, and tokenizers for it to work with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace langzoo::test {

inline Result tokenizer(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-tokenizer", std::move(arguments), input).wait();
}

/// What a run that must succeed prints.
inline std::string output(std::vector<std::string> arguments, const std::string& input = {}) {
  const auto result = tokenizer(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result.out;
}

/// Files that go away with the test case.
struct Files {
  std::string operator()(const std::string& name, const std::string& text) const {
    write_file(dir / name, text);
    return (dir / name).string();
  }
  std::string path(const std::string& name) const { return (dir / name).string(); }
  TempDir dir;
};

/// tests/fixtures/tokenizers/<name>.json
inline std::string fixture_tokenizer(const std::string& name) {
  return fixture("tokenizers/" + name + ".json").string();
}

}  // namespace langzoo::test
