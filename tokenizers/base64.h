/// Base64 (RFC 4648, section 4), as tokenizer.json and tiktoken's files hold bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace langzoo {

std::string encode_base64(std::string_view bytes);
/// Nothing where `text` is not what encode_base64 writes: padding included, without spaces or stray bits.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace langzoo
