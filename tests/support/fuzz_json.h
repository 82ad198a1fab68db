/// Mutations that keep JSON valid, so that a fuzzer reaches what stands behind the parser.
#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/fuzz.h"

namespace langzoo::test {

/// One to three edits at random places, the deeper the rarer: a value becomes another of its kind or is lost, keys and
/// elements are dropped, doubled or exchanged, a value is replaced by the one at its place in one of `donors`, an
/// object with a "type" by another such object.
nlohmann::json mutate_json(nlohmann::json value, const std::vector<nlohmann::json>& donors, FuzzRandom& random);

/// All objects in `values` that have a "type": the stages of tokenizer.json.
std::vector<nlohmann::json> typed_objects(const std::vector<nlohmann::json>& values);

}  // namespace langzoo::test
