/// Post-processor ByteLevel: adds nothing, but may leave the spaces at both ends of a token out of its offsets.
#pragma once

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

class ByteLevelPostProcessor : public PostProcessor {
 public:
  struct Options {
    bool add_prefix_space = true;  // the first space of a text is one the pre-tokenizer added
    bool trim_offsets = true;
    bool use_regex = true;  // of no effect here; kept for the file
  };

  explicit ByteLevelPostProcessor(Options options) : options_(options) {}
  const Options& options() const { return options_; }

  std::size_t added_tokens(bool) const override { return 0; }
  bool reads_tokens() const override { return options_.trim_offsets; }
  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                bool add_special_tokens) const override;
  std::string to_json() const override;

 private:
  Options options_;
};

}  // namespace langzoo
