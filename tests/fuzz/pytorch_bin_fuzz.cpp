// Any bytes as a .bin file: an error or tensors whose every byte can be read.
#include "tests/support/test.h"

#include "models/io/pytorch_bin.h"
#include "tests/support/fuzz.h"

int main(int argc, char** argv) {
  using namespace langzoo::test;
  const TempDir dir;
  const auto path = dir / "x.bin";
  std::vector<std::string> seeds;
  for (const char* name :
       {"bin/pytorch_model.bin", "bin_sharded/pytorch_model-00001-of-00002.bin", "protocol4.bin", "malicious.bin"}) {
    seeds.push_back(read_file(fixture(std::string("io/") + name)));
  }
  return fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    write_file(path, bytes);
    for (const auto& item : langzoo::load_pytorch_bin(path)) item.value().clone();
  });
}
