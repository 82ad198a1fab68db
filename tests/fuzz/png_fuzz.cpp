// Any bytes as a PNG file: an error, or a picture that is written and read again.
#include "tests/support/test.h"

#include "data/images/image.h"
#include "tests/support/fuzz.h"

LANGZOO_FUZZER(png) {
  using namespace langzoo::test;
  std::vector<std::string> seeds;
  for (const char* name : {"rgb", "interlaced", "rgb16", "bits", "palette_clear", "grey_alpha"})
    seeds.push_back(langzoo::test::read_file(fixture(std::string("images/") + name + ".png")));
  return fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    const auto image = langzoo::decode_png("fuzz.png", bytes);
    require(langzoo::decode_png("again.png", langzoo::encode_png(image)) == image, "a picture is another again");
  });
}
