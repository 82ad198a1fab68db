/// What the options of a search are held to: internal, and not installed.
#pragma once

namespace langzoo {

/// Throws std::invalid_argument naming field, value and rule.
[[noreturn]] void refuse_option(const char* field, double value, const char* rule);

/// Does so unless `ok`.
template <typename T>
void require_option(bool ok, const char* field, T value, const char* rule) {
  if (!ok) refuse_option(field, static_cast<double>(value), rule);
}

}  // namespace langzoo
