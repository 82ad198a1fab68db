#include "tokenizers/pre_tokenizers/split_behavior.h"

#include <string>

#include "tokenizers/json_field.h"

namespace langzoo {

namespace {

constexpr SplitBehavior kBehaviors[] = {SplitBehavior::Removed, SplitBehavior::Isolated,
                                        SplitBehavior::MergedWithPrevious, SplitBehavior::MergedWithNext,
                                        SplitBehavior::Contiguous};

}  // namespace

const char* name_of(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::Removed:
      return "Removed";
    case SplitBehavior::Isolated:
      return "Isolated";
    case SplitBehavior::MergedWithPrevious:
      return "MergedWithPrevious";
    case SplitBehavior::MergedWithNext:
      return "MergedWithNext";
    case SplitBehavior::Contiguous:
      return "Contiguous";
  }
  return "";
}

SplitBehavior read_split_behavior(const JsonField& field) {
  const std::string name = field.string();
  for (const SplitBehavior behavior : kBehaviors) {
    if (name == name_of(behavior)) return behavior;
  }
  field.fail("'" + name +
             "' is not supported, expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

}  // namespace langzoo
