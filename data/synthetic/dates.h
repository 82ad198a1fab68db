/// The date task: a date as people write it is to become YYYY-MM-DD.
#pragma once

#include <cstdint>
#include <memory>

#include "data/parallel/parallel_text.h"

namespace langzoo {

/// `count` dates, decided by the seed; a day of 1970 to 2019, each equally likely, in one of eight English forms, each
/// equally likely, half of them as they stand, a quarter in capitals, a quarter in small letters (the same date may
/// come again):
///
///     9/27/94          Sep 27, 1994    September 27, 1994    Tuesday, September 27, 1994
///     27.9.1994        27 Sep 1994     27 September 1994     Tue 27 Sep 1994
///
/// Spaces fill sources up to 29 characters when padding is kept; targets have 10. Throws std::invalid_argument for a
/// negative count.
std::unique_ptr<SentencePairs> date_pairs(std::uint64_t seed, std::int64_t count, bool keep_padding);

}  // namespace langzoo
