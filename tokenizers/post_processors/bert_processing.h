/// Post-processors with a fixed layout: BertProcessing, `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, and
/// RobertaProcessing, `<s> A </s>` and `<s> A </s> </s> B </s>`.
#pragma once

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

/// A token that a post-processor adds; it need not be in the vocabulary.
struct NamedToken {
  std::string token;
  TokenId id = 0;
  bool operator==(const NamedToken&) const = default;
};

/// Type ids are 0, from the second text on 1.
class BertProcessing : public PostProcessor {
 public:
  struct Options {
    NamedToken sep{"[SEP]", 102}, cls{"[CLS]", 101};
  };

  explicit BertProcessing(Options options) : options_(std::move(options)) {}
  const Options& options() const { return options_; }

  std::size_t added_tokens(bool pair) const override { return pair ? 3 : 2; }
  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                bool add_special_tokens) const override;
  std::string to_json() const override;

 private:
  Options options_;
};

/// Type ids are 0 throughout.
class RobertaProcessing : public PostProcessor {
 public:
  struct Options {
    NamedToken sep{"</s>", 2}, cls{"<s>", 0};
    bool trim_offsets = true;
    bool add_prefix_space = true;  // as in ByteLevelPostProcessor
  };

  explicit RobertaProcessing(Options options) : options_(std::move(options)) {}
  const Options& options() const { return options_; }

  std::size_t added_tokens(bool pair) const override { return pair ? 4 : 2; }
  bool reads_tokens() const override { return options_.trim_offsets; }
  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                bool add_special_tokens) const override;
  std::string to_json() const override;

 private:
  Options options_;
};

}  // namespace langzoo
