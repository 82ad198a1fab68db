// langzoo-caption: captions of pictures (models/captioner), and pictures of captions (models/image_tokens).
#include "apps/cli/pictures/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-caption",
                              "Pictures and what is said of them: captions of pictures, and pictures of captions.",
                              langzoo::caption_verbs());
}
