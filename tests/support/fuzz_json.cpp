#include "tests/support/fuzz_json.h"

#include <iterator>
#include <utility>

namespace langzoo::test {

using nlohmann::json;

namespace {

json& element(json& parent, std::size_t index) {
  return std::next(parent.begin(), static_cast<std::ptrdiff_t>(index)).value();
}

/// The value at `place` in one of the donors, or null.
json donated(const std::vector<json>& donors, const json::json_pointer& place, FuzzRandom& random) {
  const json& donor = donors[below(random, donors.size())];
  return donor.contains(place) ? donor.at(place) : json();
}

json other_scalar(const json& value, FuzzRandom& random) {
  static const std::vector<std::string> kStrings = {"",
                                                    " ",
                                                    "a",
                                                    "##",
                                                    "</w>",
                                                    "\u2581",
                                                    "<unk>",
                                                    "e\u0301",
                                                    "\u0120",
                                                    "\\s+",
                                                    std::string(1000, 'x'),
                                                    "\U0001F469\u200D\U0001F467"};
  static constexpr double kNumbers[] = {0.0, 0.5, 1.0, -1.0, 1e-300, 1e300};
  static constexpr std::uint64_t kIntegers[] = {0, 1, 2, 3, 7, 100, 65536, 1u << 24, UINT32_MAX, UINT64_MAX};
  switch (value.type()) {
    case json::value_t::boolean:
      return !value.get<bool>();
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return below(random, 8) == 0 ? json(-1) : json(kIntegers[below(random, std::size(kIntegers))]);
    case json::value_t::number_float:
      return kNumbers[below(random, std::size(kNumbers))];
    case json::value_t::string: {
      auto text = value.get<std::string>();
      if (below(random, 2) == 0) return kStrings[below(random, kStrings.size())];
      return text + kStrings[below(random, kStrings.size())];
    }
    default:
      return below(random, 2) == 0 ? json(below(random, 2) == 0) : json(kStrings[below(random, kStrings.size())]);
  }
}

void mutate_object(json& value, FuzzRandom& random) {
  if (value.empty()) return;
  const auto at = std::next(value.begin(), static_cast<std::ptrdiff_t>(below(random, value.size())));
  switch (below(random, 3)) {
    case 0:
      value.erase(at);
      break;
    case 1: {  // renamed
      json moved = std::move(at.value());
      const std::string key = at.key() + "x";
      value.erase(at);
      value[key] = std::move(moved);
      break;
    }
    default:
      std::swap(at.value(), element(value, below(random, value.size())));
  }
}

void mutate_array(json& value, FuzzRandom& random) {
  if (value.empty()) return;
  const std::size_t at = below(random, value.size()), other = below(random, value.size());
  switch (below(random, 3)) {
    case 0:
      value.erase(at);
      break;
    case 1: {
      json doubled = value[at];
      value.insert(value.begin() + static_cast<std::ptrdiff_t>(other), std::move(doubled));
      break;
    }
    default:
      std::swap(value[at], value[other]);
  }
}

void collect_typed(const json& value, std::vector<json>& found) {
  if (value.is_object() && value.contains("type")) found.push_back(value);
  if (!value.is_structured()) return;
  for (const json& inner : value) collect_typed(inner, found);
}

}  // namespace

json mutate_json(json value, const std::vector<json>& donors, FuzzRandom& random) {
  const std::vector<json> stages = typed_objects({donors[below(random, donors.size())]});
  for (std::size_t edits = 1 + below(random, 3); edits > 0; --edits) {
    json* at = &value;
    json::json_pointer place;
    while (at->is_structured() && !at->empty() && (at == &value || below(random, 4) != 0)) {
      const std::size_t index = below(random, at->size());
      if (at->is_object()) {
        place /= std::next(at->begin(), static_cast<std::ptrdiff_t>(index)).key();
      } else {
        place /= index;
      }
      at = &element(*at, index);
    }
    if (below(random, 16) == 0) {
      *at = nullptr;
    } else if (at->is_object() && at->contains("type") && !stages.empty() && below(random, 3) == 0) {
      *at = stages[below(random, stages.size())];
    } else if (below(random, 3) == 0) {
      *at = donated(donors, place, random);
    } else if (at->is_object()) {
      mutate_object(*at, random);
    } else if (at->is_array()) {
      mutate_array(*at, random);
    } else {
      *at = other_scalar(*at, random);
    }
  }
  return value;
}

std::vector<json> typed_objects(const std::vector<json>& values) {
  std::vector<json> found;
  for (const json& value : values) collect_typed(value, found);
  return found;
}

}  // namespace langzoo::test
