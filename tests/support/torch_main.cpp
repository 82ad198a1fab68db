#define CATCH_CONFIG_RUNNER
#include "tests/support/test.h"

int main(int argc, char** argv) {
  torch::set_num_threads(2);
  return Catch::Session().run(argc, argv);
}
