/// Oniguruma's dialect of regular expressions in PCRE2's: internal to regex.cpp.
#pragma once

#include <string>
#include <string_view>

namespace langzoo {

/// The pattern for PCRE2 that means what `pattern` means in Oniguruma's default syntax, to be compiled with UTF, UCP
/// and MULTILINE. Faults that PCRE2 will name are left to it. Throws std::invalid_argument where there is no
/// equivalent.
std::string to_pcre2_syntax(std::string_view pattern);

}  // namespace langzoo
