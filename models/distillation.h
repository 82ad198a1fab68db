/// How a student begins: with layers of its teacher. models/losses/distillation.h is what it then learns from.
#pragma once

#include <cstdint>
#include <vector>

#include "models/encoder.h"

namespace langzoo {

/// Student layer i begins as the teacher's layers[i], the embeddings as its embeddings, and where both are masked LMs
/// the head as its head (Sanh et al. 2019, section 2). The families may differ: BERT teaches DistilBERT, which has no
/// segments. Throws std::invalid_argument where there are not as many layers as the student has, one is not the
/// teacher's, or sizes differ.
void init_from_teacher(EncoderModel& student, EncoderModel& teacher, const std::vector<std::int64_t>& layers);

}  // namespace langzoo
