/// What a model trained with CTC (Graves et al. 2006) emits, frame by frame, made text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

struct CtcDecoderOptions {
  std::string pad_token = "<pad>";         // the blank: parts equal tokens, is left out
  std::string word_delimiter_token = "|";  // a space, where cleanup is on
  bool cleanup = true;                     // clean_up_spaces() of every token
};

/// Of equal tokens in a row one remains.
class CtcDecoder : public Decoder {
 public:
  explicit CtcDecoder(CtcDecoderOptions options = {}) : options_(std::move(options)) {}
  const CtcDecoderOptions& options() const { return options_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  CtcDecoderOptions options_;
};

}  // namespace langzoo
