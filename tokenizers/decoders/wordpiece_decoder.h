/// WordPiece's "##" taken off, the other tokens set apart by spaces.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizers/decoders/decoder.h"

namespace langzoo {

struct WordPieceDecoderOptions {
  std::string prefix = "##";  // begins every token that does not begin a word
  bool cleanup = true;        // clean_up_spaces() of every token
};

class WordPieceDecoder : public Decoder {
 public:
  explicit WordPieceDecoder(WordPieceDecoderOptions options = {}) : options_(std::move(options)) {}
  const WordPieceDecoderOptions& options() const { return options_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  WordPieceDecoderOptions options_;
};

/// Takes out the spaces that tokenization left before English punctuation and contractions (" ." becomes "."), in the
/// order of Python's `tokenizers`. `contract_do_not`: " do not" becomes " don't" too, which transformers' slow
/// tokenizers leave.
std::string clean_up_spaces(std::string text, bool contract_do_not = true);

}  // namespace langzoo
