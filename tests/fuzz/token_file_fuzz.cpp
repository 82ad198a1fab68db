// Token files: any bytes are refused with an error or can be read to their end.
#include <fstream>
#include <vector>

#include "data/text/token_file.h"
#include "tests/data/byte_tokenizer.h"
#include "tests/support/fuzz.h"
#include "tests/support/test.h"

using namespace langzoo;

LANGZOO_FUZZER(token_file) {
  const test::TempDir dir;
  const auto text = dir / "text", path = dir / "tokens";
  test::write_file(text, "a text of some words");
  std::vector<std::string> seeds;
  for (const std::size_t vocab_size : {300, 70000}) {
    TokenFile::open_or_build({&text, 1}, test::ByteTokenizer(vocab_size), path);
    seeds.push_back(test::read_file(path));
  }
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const TokenFile file = TokenFile::open(path);
    std::vector<std::int64_t> ids(file.size());
    file.tokens().read(0, ids);
  });
}
