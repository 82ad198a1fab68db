#include "tokenizers/decoders/metaspace_decoder.h"

#include "tokenizers/text_pattern.h"
#include "tokenizers/utf8.h"

namespace langzoo {

void MetaspaceDecoder::decode(std::vector<std::string>& tokens) const {
  std::string replacement;
  append_utf8(replacement, options_.replacement);
  for (std::string& token : tokens) {
    const bool prefixed = &token == &tokens.front() && options_.prepend_scheme != PrependScheme::Never;
    token = replace_all(std::move(token), replacement, prefixed ? "" : " ");
  }
}

}  // namespace langzoo
