// langzoo-noisy-channel: statistical translation, for comparison (models/noisy_channel).
#include "apps/cli/noisy_channel/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-noisy-channel",
                              "Translation without a neural network: IBM Models 1 and 2 and an n-gram language model.",
                              langzoo::noisy_channel_verbs());
}
