// Links langzoo::tokenizers alone.
#include <cstdio>

#include <langzoo/tokenizers/tokenizer.h>

int main() {
  try {
    langzoo::load_tokenizer("no-such-directory");
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 0;
  }
  return 1;
}
