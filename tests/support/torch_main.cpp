// What the runner needs of LibTorch is this alone; all of it would cost 13 s, without a precompiled header.
#include <ATen/Parallel.h>
#undef CHECK
#undef REQUIRE

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

int main(int argc, char** argv) {
  at::set_num_threads(2);
  return Catch::Session().run(argc, argv);
}
