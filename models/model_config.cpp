#include "models/model_config.h"

namespace langzoo {

void ModelConfig::validate_without_tokenizers() const {
  const auto trial = copy();
  // What is left to them becomes an id that every vocabulary has, or the largest vocabulary there may be.
  for (const auto& field : fields_of(fields_in(*trial))) {
    const bool left_open = field.from_tokenizer || field.name.ends_with("_token_id");
    if (!left_open || field.json() != "null" || field.set("0")) continue;
    for (auto size = std::int64_t{1} << 32; size > 0 && !field.set(std::to_string(size)); size /= 2) continue;
  }
  trial->validate();
}

}  // namespace langzoo
