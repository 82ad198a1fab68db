/// Encoder-decoders on the command line: training, evaluation, translation and alignment of every family whose models
/// are an EncoderDecoder.
#pragma once

#include <string>

#include "apps/cli/base/program.h"
#include "apps/training/families.h"

namespace langzoo {

/// The verbs train, eval, translate, align, attention, score, average and report. `examples` of train, a line each, for the
/// help. `family` must outlive them.
Verbs translation_verbs(const Family& family, const std::string& examples);

}  // namespace langzoo
