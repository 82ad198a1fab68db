/// Sequences of bits out of a file of JSON lines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <torch/types.h>

#include "apps/training/tasks/bit_sequences.h"

namespace langzoo {

struct GivenSequence {
  torch::Tensor inputs;           ///< (T,1,I)
  std::int64_t answer_begin = 0;  ///< the first step whose output is asked for
};

/// What the help says of such a file.
inline constexpr const char* kGivenSequencesHelp =
    "Each line is an object: input, a list of rows. Rows of as many numbers as the task's vectors have bits are put "
    "to\n"
    "the model as its training does, delimiters and all (of repeat-copy with \"repeats\": N, of sort with\n"
    "\"priorities\", one a row; of recall the last three rows are the query), and the output is the answer. Rows as "
    "wide\n"
    "as the model's input are read as they stand, and the output has a row for each. Numbers are 0 or 1, but for\n"
    "priorities and the channel of repeats.\n";

/// Calls `read` for every line of `file` that is not blank, as the model with this task reads it. Throws FileError
/// naming the line, and where there is no sequence at all.
void for_each_given_sequence(const std::string& file, const BitTaskFormat& format, const BitSequenceModel& model,
                             const std::function<void(const GivenSequence&)>& read);

}  // namespace langzoo
