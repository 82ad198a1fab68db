#include "tokenizers/post_processors/post_processor_sequence.h"

#include <algorithm>
#include <utility>

namespace langzoo {

std::size_t PostProcessorSequence::added_tokens(bool pair) const {
  std::size_t count = 0;
  for (const auto& processor : processors_) count += processor->added_tokens(pair);
  return count;
}

bool PostProcessorSequence::reads_tokens() const {
  return std::any_of(processors_.begin(), processors_.end(), [](const auto& p) { return p->reads_tokens(); });
}

std::vector<Encoding> PostProcessorSequence::process(std::vector<Encoding> sequences,
                                                     std::span<const std::string_view> texts,
                                                     bool add_special_tokens) const {
  for (const auto& processor : processors_) {
    sequences = processor->process(std::move(sequences), texts, add_special_tokens);
  }
  return sequences;
}

std::string PostProcessorSequence::to_json() const {
  std::string list;
  for (const auto& processor : processors_) list += (list.empty() ? "" : ",") + processor->to_json();
  return R"({"type":"Sequence","processors":[)" + list + "]}";
}

}  // namespace langzoo
