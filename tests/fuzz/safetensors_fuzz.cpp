// Any bytes as a .safetensors file: an error or tensors whose every byte can be read.
#include "tests/support/test.h"

#include "models/io/safetensors.h"
#include "tests/support/fuzz.h"

LANGZOO_FUZZER(safetensors) {
  using namespace langzoo::test;
  const TempDir dir;
  const auto path = dir / "x.safetensors";
  std::vector<std::string> seeds;
  for (const char* name : {"every_dtype.safetensors", "sharded/model-00001-of-00002.safetensors"}) {
    seeds.push_back(langzoo::test::read_file(fixture(std::string("io/") + name)));
  }
  return fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    write_file(path, bytes);
    for (const auto& item : langzoo::load_safetensors(path)) item.value().clone();
  });
}
