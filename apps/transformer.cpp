// langzoo-transformer: trains, evaluates and uses Transformer encoder-decoders (models/transformer/transformer.h).
#include "apps/cli/translation/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(
      argc, argv, "langzoo-transformer",
      "Transformer encoder-decoders: from sentence pairs to a trained model, and to translations.",
      translation_verbs(
          family_of_program("transformer"),
          "train --data microworld-ko --preset tiny --out run\n"
          "train --data train.tsv --valid valid.tsv --preset iwslt-small --out run\n"
          "train --data train.en --target train.fr --preset iwslt --out run --set model.normalize_before=true\n"));
}
