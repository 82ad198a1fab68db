// Trains and uses a sentencepiece model in a program that also links LibTorch, whose libc10 has a FLAGS_minloglevel as
// sentencepiece has: linked in both orders by tests/CMakeLists.txt. Exits 0 where the text comes back.
#include <cstdio>

#include "tokenizers/trainers/sentencepiece_trainer.h"

int main() {
  using namespace langzoo;
  int lines = 0;
  const auto next = [&](std::string& text) {
    text = "the lamp carries the river " + std::to_string(lines) + " times";
    return ++lines < 300;
  };
  const auto tokenizer = train_sentencepiece(next, {.vocab_size = 40});
  const std::string text = "the river carries 12 lamps";
  std::vector<TokenId> ids;
  tokenizer->encode(text, ids);
  const std::string decoded = tokenizer->decode(ids);
  std::printf("%zu tokens: %s\n", ids.size(), decoded.c_str());
  return decoded == text && ids == tokenizer->encode(text).ids ? 0 : 1;
}
