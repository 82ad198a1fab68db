#include "models/distillation.h"

#include <stdexcept>

#include <fmt/format.h>

#include "models/encoder_heads.h"
#include "models/encoder_stack.h"
#include "models/layers/copy_parameters.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

EncoderStack& stack_of(EncoderModel& model) {
  auto* const stack = dynamic_cast<EncoderStack*>(&model.encoder());
  if (stack == nullptr) throw std::invalid_argument("distillation: an encoder that is no stack of layers");
  return *stack;
}

}  // namespace

void init_from_teacher(EncoderModel& student, EncoderModel& teacher, const std::vector<std::int64_t>& layers) {
  auto &to = stack_of(student), &from = stack_of(teacher);
  if (to.num_layers() != static_cast<std::int64_t>(layers.size()))
    throw std::invalid_argument(
        fmt::format("distillation: {} layers for a student of {}", layers.size(), to.num_layers()));
  try {
    copy_parameters(*to.embeddings->word_embeddings, *from.embeddings->word_embeddings);
    copy_parameters(*to.embeddings->position_embeddings, *from.embeddings->position_embeddings);
    copy_parameters(*to.embeddings->LayerNorm, *from.embeddings->LayerNorm);
    if (!to.embeddings->token_type_embeddings.is_empty() && !from.embeddings->token_type_embeddings.is_empty())
      copy_parameters(*to.embeddings->token_type_embeddings, *from.embeddings->token_type_embeddings);
    if (to.projection.is_empty() != from.projection.is_empty())
      throw std::invalid_argument("only one of them projects its embeddings");
    if (!to.projection.is_empty()) copy_parameters(*to.projection, *from.projection);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (layers[i] < 0 || layers[i] >= from.num_layers())
        throw std::invalid_argument(fmt::format("the teacher has no layer {}", layers[i]));
      to.layers[i]->copy_from(*from.layers[static_cast<std::size_t>(layers[i])]);
    }
    auto *const head = dynamic_cast<VocabularyModel*>(&student), *const their =
                                                                     dynamic_cast<VocabularyModel*>(&teacher);
    if (head != nullptr && their != nullptr) head->vocabulary_head().copy_from(their->vocabulary_head());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("distillation: a student cannot begin as this teacher: {}", error.what()));
  }
}

}  // namespace langzoo
