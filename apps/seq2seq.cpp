// langzoo-seq2seq: trains, evaluates and uses recurrent encoder-decoders (models/seq2seq/seq2seq.h).
#include "apps/cli/translation/verbs.h"

int main(int argc, char** argv) {
  using namespace langzoo;
  return run_program(
      argc, argv, "langzoo-seq2seq",
      "Recurrent encoder-decoders: from sentence pairs to a trained model, and to translations.",
      translation_verbs(
          family_of_program("seq2seq"),
          "train --data addition --preset addition-peeky --out run\n"
          "train --data train.tsv --valid valid.tsv --preset translation-small --out run\n"
          "train --data train.en --target train.fr --preset translation-small --out run --set model.attention=dot\n"
          "train --data train.tsv --tokenizer train:bytebpe:16000 --epochs 5 --out run --set model.hidden_size=512\n"));
}
