#include "tokenizers/stream_decoder.h"

#include <string_view>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// "<0xE4>": decoders with byte fallback read a run of these as a whole.
bool spells_byte(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

}  // namespace

std::string StreamDecoder::put(TokenId id) {
  const bool byte = spells_byte(tokenizer_.id_to_token(id));
  window_.push_back(id);
  // A token without text of its own, a skipped one for instance, does not end the run.
  in_bytes_ = byte || (in_bytes_ && tokenizer_.decode({&id, 1}, skip_special_tokens_).empty());
  if (in_bytes_) return {};
  const std::string text = tokenizer_.decode(window_, skip_special_tokens_);
  if (!text.empty() && text.size() == emitted_) {  // a skipped token: what was before it stays the context
    window_.pop_back();
    return {};
  }
  const std::size_t settled = complete_utf8_length(text);
  if (settled < emitted_) return {};
  std::string out = sanitize_utf8(std::string_view(text).substr(emitted_, settled - emitted_));
  emitted_ = settled;
  // One settled id is context enough, or a few where it has no text at the beginning of one; while characters stay
  // unfinished, their few bytes need only the last ids.
  const bool finished = settled == text.size();
  if (!finished && window_.size() <= 8) return out;
  for (std::size_t keep = finished ? 1 : 4; keep < window_.size(); keep *= 2) {
    const std::vector<TokenId> last(window_.end() - static_cast<std::ptrdiff_t>(keep), window_.end());
    const std::string tail = tokenizer_.decode(last, skip_special_tokens_);
    const std::string_view pending = std::string_view(text).substr(settled);
    if (tail.empty() || !tail.ends_with(pending)) continue;
    window_ = last;
    emitted_ = tail.size() - pending.size();
    break;
  }
  return out;
}

std::string StreamDecoder::flush() {
  const std::string text = tokenizer_.decode(window_, skip_special_tokens_);
  std::string out = emitted_ < text.size() ? sanitize_utf8(std::string_view(text).substr(emitted_)) : std::string();
  window_.clear();
  emitted_ = 0;
  in_bytes_ = false;
  return out;
}

}  // namespace langzoo
