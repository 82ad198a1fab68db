// Any bytes are a microworld text or are not.
#include <stdexcept>

#include "data/microworld/microworld.h"
#include "tests/support/fuzz.h"

LANGZOO_FUZZER(microworld) {
  langzoo::Microworld source(1);
  const std::string one = source.next().text, two = source.next().text;
  return langzoo::test::fuzz_main(argc, argv, {one, two, one + two}, [](const std::string& bytes) {
    if (!langzoo::microworld_nats(bytes)) throw std::runtime_error("not a microworld text");
  });
}
