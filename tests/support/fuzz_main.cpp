#include "tests/support/fuzz.h"

int main(int argc, char** argv) {
  return langzoo::test::run_fuzzer(argc, argv);
}
