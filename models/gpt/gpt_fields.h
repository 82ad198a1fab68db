/// What the configs of the GPT line say of their fields.
#pragma once

#include <string_view>

#include "models/io/config_fields.h"

namespace langzoo::gpt_fields {

inline constexpr double kLargest = 1 << 24;

inline FieldRules vocabulary() {
  return {.least = 1, .most = kLargest, .from_tokenizer = true, .help = "tokens it knows"};
}
inline FieldRules size(std::string_view help, std::string_view alias = {}) {
  return {.least = 1, .most = kLargest, .alias = alias, .help = help};
}
inline FieldRules layers(std::string_view alias) {
  return {.least = 1, .most = 4096, .alias = alias, .help = "blocks"};
}
inline FieldRules dropout(std::string_view help) {
  return {.least = 0, .below = 1, .help = help};
}
/// Some files have -1 for no token.
inline FieldRules token(std::string_view help, bool or_more = false) {
  return {.least = -1, .most = kLargest, .one_or_more = or_more, .help = help};
}

}  // namespace langzoo::gpt_fields
