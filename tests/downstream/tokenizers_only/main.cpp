// Trains a tokenizer, saves it, loads it and encodes with it: no LibTorch anywhere.
#include <cstdio>
#include <fstream>
#include <string>

#include <langzoo/tokenizers/tokenizer.h>
#include <langzoo/tokenizers/trainers/byte_level_bpe_trainer.h>

namespace {

/// Whether LibTorch is part of this process.
bool loaded_torch() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("libtorch") != std::string::npos || line.find("libc10") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

int main(int, char** argv) {
  int left = 100;
  const auto next = [&](std::string& text) {
    text = "the lamp and the river and the lamp";
    return left-- > 0;
  };
  langzoo::train_byte_level_bpe(next, {.vocab_size = 270})->save(argv[1]);

  const auto tokenizer = langzoo::load_tokenizer(argv[1]);
  const langzoo::Encoding encoding = tokenizer->encode("the lamp by the river");
  std::printf("%zu tokens: %s\n", encoding.size(), tokenizer->decode(encoding.ids).c_str());
  try {
    langzoo::load_tokenizer("no-such-directory");
    return 1;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
  }
  return tokenizer->decode(encoding.ids) == "the lamp by the river" && !loaded_torch() ? 0 : 1;
}
