// langzoo-tagger: trains and uses recurrent taggers and classifiers (models/tagger/tagger.h).
#include "apps/cli/tagger/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-tagger", "Recurrent taggers, with a CRF, and text classifiers.",
                              langzoo::tagger_verbs());
}
