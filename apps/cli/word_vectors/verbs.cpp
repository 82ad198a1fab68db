#include "apps/cli/word_vectors/verbs.h"

#include <string>

#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/training/families.h"

namespace langzoo {

Verbs word_vectors_verbs() {
  const std::string examples =
      "train --data text.txt --out vectors\n"
      "train --data text.txt --model cbow --dim 200 --window 8 --negative 25 --epochs 15 --out vectors\n"
      "train --data text.txt --model skipgram --subwords --out vectors\n"
      "train --data text.txt --model glove --window 10 --epochs 15 --out vectors\n"
      "train --data text.txt --model ppmi-svd --window 2 --out vectors\n"
      "train --data more.txt --init vectors --out more\n"
      "train --data text.txt --init pretrained.vec --out vectors\n"
      "train --data microworld --out world\n"
      "train --out vectors --resume\n";
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>("word2vec", examples, family_of_program("word2vec").setup));
  verbs.push_back(eval_verb());
  verbs.push_back(neighbors_verb());
  verbs.push_back(analogy_verb());
  verbs.push_back(export_verb());
  verbs.push_back(map_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
