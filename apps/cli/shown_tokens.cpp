#include "apps/cli/shown_tokens.h"

#include <fmt/format.h>

#include "apps/cli/tokenizer/visible_text.h"

namespace langzoo {

std::vector<std::string> shown_tokens(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::vector<std::string> shown;
  for (const auto& id : ids) {
    auto text = tokenizer.decode_generated(std::span(&id, 1));
    if (text.empty()) text = tokenizer.has_token(id) ? tokenizer.id_to_token(id) : fmt::format("#{}", id);
    if (text.size() > 1 && text.front() == ' ') text.erase(0, 1);
    shown.push_back(visible_text(text));
  }
  return shown;
}

}  // namespace langzoo
