/// A character taken off the ends of every token.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

struct StripDecoderOptions {
  char32_t content = U' ';
  std::size_t start = 0;  // at most so many from the beginning
  std::size_t stop = 0;   // and from the end
};

class StripDecoder : public Decoder {
 public:
  explicit StripDecoder(StripDecoderOptions options) : options_(options) {}
  const StripDecoderOptions& options() const { return options_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  StripDecoderOptions options_;
};

}  // namespace langzoo
