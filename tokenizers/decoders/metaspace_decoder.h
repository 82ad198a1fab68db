/// "▁" made a space again.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/decoders/decoder.h"
#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"

namespace langzoo {

/// The first token loses its replacement characters, unless the scheme is Never.
class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(MetaspaceOptions options = {}) : options_(options) {}
  const MetaspaceOptions& options() const { return options_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override { return metaspace_json(options_); }

 private:
  MetaspaceOptions options_;
};

}  // namespace langzoo
