/// A text cut into sentences, by rule: good enough for a model that was trained on sentences.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace langzoo {

/// Where the sentences of `text` stand: half-open byte ranges in order, without the white space around them; what is no
/// white space is in one of them. A sentence ends
///
/// - after 。！？ wherever they stand,
/// - after . ! ? … where white space and then no lower-case letter follows, but not after a single "." behind
///   one letter (J. Smith) or a title (Dr. Smith),
///
/// with the closing quotes and brackets that follow.
std::vector<std::pair<std::size_t, std::size_t>> sentence_ranges(std::string_view text);

}  // namespace langzoo
