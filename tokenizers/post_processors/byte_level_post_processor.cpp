#include "tokenizers/post_processors/byte_level_post_processor.h"

#include <fmt/format.h>

#include "tokenizers/post_processors/trim_offsets.h"

namespace langzoo {

std::vector<Encoding> ByteLevelPostProcessor::process(std::vector<Encoding> sequences,
                                                      std::span<const std::string_view> texts, bool) const {
  if (options_.trim_offsets) trim_offsets(sequences, texts, options_.add_prefix_space);
  return sequences;
}

std::string ByteLevelPostProcessor::to_json() const {
  return fmt::format(R"({{"type":"ByteLevel","add_prefix_space":{},"trim_offsets":{},"use_regex":{}}})",
                     options_.add_prefix_space, options_.trim_offsets, options_.use_regex);
}

}  // namespace langzoo
