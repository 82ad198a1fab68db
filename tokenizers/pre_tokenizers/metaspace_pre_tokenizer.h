/// SentencePiece's "▁" in place of spaces, which begins every word (Kudo and Richardson 2018).
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

/// Which texts get a replacement character in front where they do not begin with one: all (every part between added
/// tokens), only what begins the original, none.
enum class PrependScheme { Always, First, Never };

/// What the pre-tokenizer and the decoder of this name share.
struct MetaspaceOptions {
  char32_t replacement = U'▁';
  PrependScheme prepend_scheme = PrependScheme::Always;
  bool split = true;  // a word begins at every replacement character
};

/// The options of a tokenizer.json's object, the older `add_prefix_space` included. Throws FileError.
MetaspaceOptions read_metaspace_options(const JsonField& field);
std::string metaspace_json(const MetaspaceOptions& options);

class MetaspacePreTokenizer : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(MetaspaceOptions options = {}) : options_(options) {}
  const MetaspaceOptions& options() const { return options_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override { return metaspace_json(options_); }
  bool cuts_at_borders() const override { return options_.split; }

 private:
  MetaspaceOptions options_;
};

}  // namespace langzoo
