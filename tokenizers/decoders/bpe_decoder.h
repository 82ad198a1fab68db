/// The end-of-word suffix of character BPE ("</w>") made a space, but for the last token's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix = "</w>") : suffix_(std::move(suffix)) {}
  const std::string& suffix() const { return suffix_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  std::string suffix_;
};

}  // namespace langzoo
