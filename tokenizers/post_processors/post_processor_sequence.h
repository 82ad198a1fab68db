/// Post-processors one after the other: Sequence of tokenizer.json.
#pragma once

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

class PostProcessorSequence : public PostProcessor {
 public:
  /// None of them is null.
  explicit PostProcessorSequence(std::vector<std::shared_ptr<const PostProcessor>> processors)
      : processors_(std::move(processors)) {}
  const std::vector<std::shared_ptr<const PostProcessor>>& processors() const { return processors_; }

  std::size_t added_tokens(bool pair) const override;
  bool reads_tokens() const override;
  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                bool add_special_tokens) const override;
  std::string to_json() const override;

 private:
  std::vector<std::shared_ptr<const PostProcessor>> processors_;
};

}  // namespace langzoo
