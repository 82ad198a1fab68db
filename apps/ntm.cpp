// langzoo-ntm: Neural Turing Machines and the LSTM they are measured against (models/ntm, models/deep_lstm).
#include "apps/cli/bit_sequences/verbs.h"

int main(int argc, char** argv) {
  return langzoo::run_program(argc, argv, "langzoo-ntm",
                              "Neural Turing Machines: algorithms learnt from sequences of bits.",
                              langzoo::bit_sequence_verbs());
}
