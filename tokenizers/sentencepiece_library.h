/// What every use of libsentencepiece needs: internal, and not installed.
#pragma once

#include <string>

#include <sentencepiece_processor.h>

namespace langzoo {

/// libsentencepiece's own log goes to stderr; what matters in it comes as a status too.
void silence_sentencepiece();

/// The message without the place in libsentencepiece's sources: "file.cc(12) [condition] message".
std::string message_of(const sentencepiece::util::Status& status);

}  // namespace langzoo
