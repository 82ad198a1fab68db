// Vector files: any bytes are refused with an error or give a table, which every format holds as it is
// but for rows that it leaves out.
#include "models/word_vectors/formats.h"
#include "tests/support/fuzz.h"
#include "tests/support/test.h"

using namespace langzoo;

LANGZOO_FUZZER(word_vectors) {
  const test::TempDir dir;
  const auto path = dir / "vectors";
  const WordVectors vectors({"</s>", "the", "na\xc3\xafve", "7"}, torch::arange(12, torch::kFloat32).view({4, 3}) / 8);
  std::vector<std::string> seeds{"2 2 \r\na 1 nan \r\n\xc2\xa0 1e-50 -2\r\n", ". . . 1 2\n7 3 4\n. . . 5 6",
                                 " 3 3\n +1 2 3 4\n 5 6 7\n\nb  c 8 9 1\n"};
  const auto formats = {VectorFormat::kText, VectorFormat::kBinary, VectorFormat::kGlove};
  for (const auto format : formats) {
    write_word_vectors(path, vectors, format);
    seeds.push_back(test::read_file(path));
  }
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const auto read = read_word_vectors(path);
    read.nearest(read.vectors()[0], 3);
    // Of fewer values a row, binary may look like text, and text like a first line.
    if (read.dim() < 3) return;
    for (const auto format : formats) {
      const auto left_out = write_word_vectors(path, read, format);
      const auto again = read_word_vectors(path);
      const bool same = again.words() == read.words() && again.vectors().equal(read.vectors());
      if (std::ssize(again.words()) + left_out != std::ssize(read.words()) || (left_out == 0 && !same)) {
        throw std::logic_error("what was written reads differently");
      }
    }
  });
}
