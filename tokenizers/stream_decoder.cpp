#include "tokenizers/stream_decoder.h"

#include "tokenizers/utf8.h"

namespace langzoo {

std::string StreamDecoder::put(TokenId id) {
  window_.push_back(id);
  const std::string text = tokenizer_.decode(window_, skip_special_tokens_);
  const std::size_t settled = complete_utf8_length(text);
  if (settled < emitted_) return {};
  std::string out = sanitize_utf8(std::string_view(text).substr(emitted_, settled - emitted_));
  emitted_ = settled;
  // One settled id is context enough; while characters stay unfinished, their few bytes need only the last ids.
  const std::size_t keep = settled == text.size() ? 1 : 4;
  if (window_.size() > keep && (keep == 1 || window_.size() > 8)) {
    const std::vector<TokenId> last(window_.end() - static_cast<std::ptrdiff_t>(keep), window_.end());
    const std::string tail = tokenizer_.decode(last, skip_special_tokens_);
    const std::string_view pending = std::string_view(text).substr(settled);
    if (tail.ends_with(pending)) {
      window_ = last;
      emitted_ = tail.size() - pending.size();
    }
  }
  return out;
}

std::string StreamDecoder::flush() {
  const std::string text = tokenizer_.decode(window_, skip_special_tokens_);
  std::string out = emitted_ < text.size() ? sanitize_utf8(std::string_view(text).substr(emitted_)) : std::string();
  window_.clear();
  emitted_ = 0;
  return out;
}

}  // namespace langzoo
