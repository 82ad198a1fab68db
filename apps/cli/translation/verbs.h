/// Encoder-decoders on the command line: training, evaluation, translation and alignment of every family whose models
/// are an EncoderDecoder.
#pragma once

#include "apps/cli/base/program.h"
#include "apps/training/families.h"

namespace langzoo {

/// The verbs train, eval, translate and align. `family` must outlive them.
Verbs translation_verbs(const Family& family);

}  // namespace langzoo
