#include "models/generation/option_check.h"

#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

void refuse_option(const char* field, double value, const char* rule) {
  throw std::invalid_argument(fmt::format("{} is {}; it must be {}", field, value, rule));
}

}  // namespace langzoo
