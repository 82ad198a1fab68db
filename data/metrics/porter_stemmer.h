/// English words without their endings: Porter, "An algorithm for suffix stripping" (Program 14, 1980), with the
/// changes of NLTK's PorterStemmer (its mode NLTK_EXTENSIONS), which ROUGE is counted with.
#pragma once

#include <string>
#include <string_view>

namespace langzoo {

/// The stem of a word in lower case.
std::string porter_stem(std::string_view word);

}  // namespace langzoo
