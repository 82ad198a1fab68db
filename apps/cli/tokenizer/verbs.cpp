#include "apps/cli/tokenizer/verbs.h"

namespace langzoo {

Verbs tokenizer_verbs() {
  Verbs verbs;
  verbs.push_back(train_verb());
  verbs.push_back(encode_verb());
  verbs.push_back(decode_verb());
  verbs.push_back(info_verb());
  verbs.push_back(show_verb());
  return verbs;
}

}  // namespace langzoo
