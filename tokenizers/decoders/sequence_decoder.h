/// Decoders one after the other.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

/// Where a decoder makes bytes that are no UTF-8, the next one sees U+FFFD.
class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<std::shared_ptr<const Decoder>> decoders) : decoders_(std::move(decoders)) {}
  const std::vector<std::shared_ptr<const Decoder>>& decoders() const { return decoders_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  std::vector<std::shared_ptr<const Decoder>> decoders_;
};

}  // namespace langzoo
