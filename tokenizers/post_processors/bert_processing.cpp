#include "tokenizers/post_processors/bert_processing.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/post_processors/added_part.h"
#include "tokenizers/post_processors/trim_offsets.h"

namespace langzoo {

namespace {

Encoding part_of(const NamedToken& token, std::int32_t type_id) {
  return added_part({token.id}, {token.token}, type_id);
}

/// `before`, the sequence, `after`, also around the sequence's windows.
Encoding surround(Encoding before, Encoding sequence, Encoding after) {
  std::vector<Encoding> parts;
  parts.push_back(std::move(before));
  parts.push_back(std::move(sequence));
  parts.push_back(std::move(after));
  return join(std::move(parts));
}

std::string named_token_json(const NamedToken& token) {
  return fmt::format("[{},{}]", json_string(token.token), token.id);
}

}  // namespace

std::vector<Encoding> BertProcessing::process(std::vector<Encoding> sequences, std::span<const std::string_view>,
                                              bool add_special_tokens) const {
  if (!add_special_tokens) return sequences;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::int32_t type_id = i == 0 ? 0 : 1;
    sequences[i] = surround(i == 0 ? part_of(options_.cls, 0) : Encoding(), std::move(sequences[i]),
                            part_of(options_.sep, type_id));
  }
  return sequences;
}

std::string BertProcessing::to_json() const {
  return fmt::format(R"({{"type":"BertProcessing","sep":{},"cls":{}}})", named_token_json(options_.sep),
                     named_token_json(options_.cls));
}

std::vector<Encoding> RobertaProcessing::process(std::vector<Encoding> sequences,
                                                 std::span<const std::string_view> texts,
                                                 bool add_special_tokens) const {
  if (options_.trim_offsets) trim_offsets(sequences, texts, options_.add_prefix_space);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    Encoding& sequence = sequences[i];
    std::fill(sequence.type_ids.begin(), sequence.type_ids.end(), 0);
    if (!add_special_tokens) continue;  // the windows keep their type ids then, as in Python
    for (Encoding& window : sequence.overflowing) std::fill(window.type_ids.begin(), window.type_ids.end(), 0);
    sequence =
        surround(part_of(i == 0 ? options_.cls : options_.sep, 0), std::move(sequence), part_of(options_.sep, 0));
  }
  return sequences;
}

std::string RobertaProcessing::to_json() const {
  return fmt::format(R"({{"type":"RobertaProcessing","sep":{},"cls":{},"trim_offsets":{},"add_prefix_space":{}}})",
                     named_token_json(options_.sep), named_token_json(options_.cls), options_.trim_offsets,
                     options_.add_prefix_space);
}

}  // namespace langzoo
