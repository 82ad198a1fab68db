#include "tests/support/test.h"

#include <cmath>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "models/word_vectors/formats.h"

namespace langzoo::test::formats_test {

using Catch::Contains;

namespace {

using Words = std::vector<std::string>;

WordVectors read(const std::string& bytes, const ReadVectorsOptions& options = {}) {
  const test::TempDir dir;
  test::write_file(dir / "vectors", bytes);
  return read_word_vectors(dir / "vectors", options);
}

/// FileError, naming the file and `names`.
void check_refused(const std::string& bytes, const std::string& names) {
  INFO(bytes.substr(0, 100));
  CHECK_THROWS_AS(read(bytes), FileError);
  CHECK_THROWS_WITH(read(bytes), Contains("vectors: ") && Contains(names));
}

void check_equal(const WordVectors& vectors, const Words& words, const torch::Tensor& values) {
  CHECK(vectors.words() == words);
  REQUIRE(vectors.vectors().sizes() == values.sizes());
  // Bit for bit: -0 is not 0.
  CHECK(std::memcmp(vectors.vectors().data_ptr(), values.contiguous().data_ptr(), values.nbytes()) == 0);
}

const Words kPair{"a", "b"};
const auto kValues = [] { return torch::tensor({{1.f, -2.5f}, {0.f, 1e-7f}}); };

std::string floats(std::vector<float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace

TEST_CASE("gensim's files give gensim's words and values") {
  Words words;
  std::ifstream file(test::fixture("word_vectors/words.json"));
  for (const auto& word : nlohmann::json::parse(file)) words.push_back(word.get<std::string>());
  const auto bytes = test::read_file(test::fixture("word_vectors/values.f32"));
  auto values = torch::empty({static_cast<std::int64_t>(words.size()), 6});
  REQUIRE(bytes.size() == values.nbytes());
  std::memcpy(values.data_ptr(), bytes.data(), bytes.size());
  for (const std::string name : {"gensim.txt", "gensim.bin", "gensim.glove.txt"}) {
    INFO(name);
    check_equal(read_word_vectors(test::fixture("word_vectors/" + name)), words, values);
  }
}

TEST_CASE("what is written reads back the same, in every format") {
  const test::TempDir dir;
  const Words words{"</s>", "\xc2\xa0", "1", "\xff", "nan", "\"", std::string(3000, 'x')};
  auto values = torch::randn({7, 5});
  values[1] = torch::tensor({0.f, -0.f, 1e-45f, 3.4028235e38f, -1.17549435e-38f});
  const WordVectors vectors(words, values);
  for (const auto format : {VectorFormat::kText, VectorFormat::kBinary, VectorFormat::kGlove}) {
    write_word_vectors(dir / "vectors", vectors, format);
    check_equal(read_word_vectors(dir / "vectors"), words, values);
  }
}

TEST_CASE("the bytes of each format") {
  const test::TempDir dir;
  const auto written = [&](VectorFormat format) {
    write_word_vectors(dir / "vectors", {kPair, kValues()}, format);
    return test::read_file(dir / "vectors");
  };
  CHECK(written(VectorFormat::kText) == "2 2\na 1 -2.5\nb 0 1e-07\n");
  CHECK(written(VectorFormat::kGlove) == "a 1 -2.5\nb 0 1e-07\n");
  CHECK(written(VectorFormat::kBinary) == "2 2\na " + floats({1, -2.5}) + "\nb " + floats({0, 1e-7f}) + "\n");
}

TEST_CASE("text as various programs leave it") {
  for (const std::string text : {
           "2 2\na 1 -2.5\nb 0 1e-7\n",
           "2 2\na 1 -2.5 \nb 0 1e-7 \n",
           "2 2\r\na 1 -2.5\r\nb 0 1e-7\r\n",
           "2 2 \na\t1\t-2.5\nb 0  .0000001",
           "02 2\na 1.000000 -2.500000\nb 0.000000 1e-7\n\n \r\n",
           "a 1 -2.5\nb 0 1e-7\n",
           "a 1 -2.5 \r\nb 0 1e-7",
           "a 1 -2.5\nb 0 1e-7\n\n\n",
           " 2 2\na 1 -2.5\nb 0 1e-7\n",
           "\t 2  2\n a 1 -2.5\n\nb 0 1e-7\n",
           "\n \na 1 -2.5\r\n\r\n b 0 1e-7\n",
           "a +1 -2.5\nb +0 +1e-7\n",
       }) {
    INFO(text);
    check_equal(read(text), kPair, kValues());
  }
}

TEST_CASE("binary files with and without a line feed behind each row") {
  for (const std::string between : {"", "\n", "\n\n"}) {
    const auto bytes = "2 2\na " + floats({1, -2.5}) + between + "b " + floats({0, 1e-7f});
    check_equal(read(bytes), kPair, kValues());
    check_equal(read(bytes + between), kPair, kValues());
  }
}

TEST_CASE("binary is told from text whatever bytes the values have") {
  // A line feed among the first bytes of the first value ends the "line" early.
  for (const std::uint32_t bits : {0x3f00000au, 0x3f000a31u, 0x3f0a3131u, 0x3e313131u, 0x3d202020u}) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    for (const std::int64_t dim : {3, 100}) {
      auto values = torch::linspace(-0.4, 0.6, 2 * dim).view({2, dim});
      values[0][0] = value;
      const auto* const data = values.data_ptr<float>();
      const auto row = [&](std::int64_t i) { return floats({data + i * dim, data + (i + 1) * dim}); };
      check_equal(read("2 " + std::to_string(dim) + "\na " + row(0) + "b " + row(1)), kPair, values);
    }
  }
}

TEST_CASE("words of any bytes") {
  // U+00A0, bytes that are no UTF-8, a number, a word with blanks in it (glove.840B has such).
  const Words words{"\xc2\xa0", "x\xc2\xa0y", "\xff\x01", "7", ". . .", "at name@domain.com"};
  std::string text;
  for (const auto& word : words) text += word + " 1 2 3\n";
  const auto values = torch::tensor({{1.f, 2.f, 3.f}}).repeat({6, 1});
  check_equal(read("6 3\n" + text), words, values);
  check_equal(read(text), words, values);
}

TEST_CASE("a number in front is a word of GloVe's, not a first line") {
  check_equal(read("2 2 3\nb 4 5\n"), {"2", "b"}, torch::tensor({{2.f, 3.f}, {4.f, 5.f}}));
  check_equal(read("2.5 3\nb 4\n"), {"2.5", "b"}, torch::tensor({{3.f}, {4.f}}));
  check_equal(read("-2 3\nb 4\n"), {"-2", "b"}, torch::tensor({{3.f}, {4.f}}));
}

TEST_CASE("of a word given twice the first vector stays") {
  const auto values = torch::tensor({{1.f}, {2.f}});
  check_equal(read("3 1\na 1\nb 2\na 3\n"), kPair, values);
  check_equal(read("a 1.0\nb 2\nb 3\n"), kPair, values);
  check_equal(read("3 1\na " + floats({1}) + "a " + floats({9}) + "b " + floats({2})), kPair, values);
}

TEST_CASE("only the first words, where asked for") {
  for (const auto format : {VectorFormat::kText, VectorFormat::kBinary, VectorFormat::kGlove}) {
    const test::TempDir dir;
    write_word_vectors(dir / "vectors", {{"a", "b", "c"}, torch::tensor({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}})}, format);
    check_equal(read_word_vectors(dir / "vectors", {.max_words = 2}), kPair, torch::tensor({{1.f, 2.f}, {3.f, 4.f}}));
    CHECK(read_word_vectors(dir / "vectors", {.max_words = 9}).size() == 3);
  }
}

TEST_CASE("values too small for a float are 0, too large ones are refused") {
  check_equal(read("a 1e-60 -1e-60\n"), {"a"}, torch::tensor({{0.f, -0.f}}));
  // Beyond a double, and beyond an int.
  check_equal(read("a 1e-400 -12.5E-400\n"), {"a"}, torch::tensor({{0.f, -0.f}}));
  check_equal(read("a 0." + std::string(400, '0') + "1 1e-99999999999999999999\n"), {"a"}, torch::tensor({{0.f, 0.f}}));
  check_refused("a 1 2\nb 1e99999999999999999999 2\n", "line 2: \"b\": value 1");
  check_refused("a 1 2\nb 1" + std::string(400, '0') + ".5 2\n", "line 2: \"b\": value 1");
  check_refused("a 1 2\nb 1e39 2\n", "line 2: \"b\": value 1, 1e39, is out of range");
  check_refused("a 1 2\nb 1 1e999\n", "line 2: \"b\": value 2, 1e999, is out of range");
}

TEST_CASE("what is wrong with a text file is told by line") {
  check_refused("", "is empty");
  check_refused("\n", "is empty");
  check_refused("1 2\n 1 2\n", "holds no row with a word");
  check_refused("0 5\n", "line 1: 0 words");
  check_refused("5 0\na\n", "line 1: 5 words of 0 values");
  check_refused("word\n", "line 1: neither");
  check_refused("some words\n", "line 1: neither");
  check_refused("3 2\na 1 2\nb 1 2\n", "ends after 2 words, line 1 announces 3");
  check_refused("1 2\na 1 2\nb 1 2\n", "line 3: more than the 1 words announced");
  check_refused("2 2\na 1 2\nb 1\n", "line 3: \"b\" has 1 values, expected 2");
  check_refused("2 4\na 1\nb 1 2 3 4 5 6 7 8\n", "line 2: \"a\" has 1 values, expected 4");
  check_refused("2 2\na 1 2\nb 1 2 3\n", "line 3: \"b\" has 3 values, expected 2");
  check_refused("a 1 2\nb\nc 1 2", "line 2: \"b\" has 0 values, expected 2");
  check_refused("2 2\na 1 2\nb 1 x\n", "line 3: \"b\": value 2, x, is no number");
  check_refused("2 2\na 1 2\nb 1 2x\n", "value 2, 2x, is no number");
  check_refused("2 2\na 1 2\nb 1 ++2\n", "value 2, ++2, is no number");
  check_refused("2 2\na 1 2\nb 1,5 2\n", "value 1, 1,5, is no number");
  for (const std::string bad : {"nan", "inf", "-inf", "NaN"}) {
    check_refused("2 2\na 1 " + bad + "\nb 1 2\n", "line 2: \"a\": value 2, " + bad + ", is not finite");
    check_refused("a 1 2\nb 1 " + bad + "\n", "line 2: \"b\": value 2, " + bad + ", is not finite");
  }
}

TEST_CASE("a damaged first row is not taken for binary") {
  check_refused("1 2\na 1,5 2", "line 2: \"a\": value 1, 1,5, is no number");
  check_refused("2 3\na 1 2 x\nb 1 2 3\n", "line 2: \"a\": value 3, x, is no number");
  check_equal(read("2 2\nhello world 1 2\nb 1 2"), {"hello world", "b"}, torch::tensor({{1.f, 2.f}, {1.f, 2.f}}));
}

TEST_CASE("rows without a word and rows of a word that is there are left out and counted, in every format") {
  const auto values = torch::tensor({{1.f, 2.f}, {5.f, 6.f}});
  const auto binary = "4 2\na " + floats({1, 2}) + " " + floats({3, 4}) + "b " + floats({5, 6}) + "a " + floats({7, 8});
  for (const std::string& text :
       {std::string("4 2\na 1 2\n 3 4\nb 5 6\na 7 8\n"), std::string("a 1 2\n\t3 4\nb 5 6\na 7 8"), binary}) {
    INFO(text);
    const test::TempDir dir;
    test::write_file(dir / "vectors", text);
    LeftOutRows left_out;
    check_equal(read_word_vectors(dir / "vectors", {}, &left_out), kPair, values);
    CHECK(left_out.without_word == 1);
    CHECK(left_out.repeated == 1);
  }
}

TEST_CASE("a byte order mark is no part of a file") {
  const std::string mark = "\xef\xbb\xbf";
  const auto values = torch::tensor({{1.f, 2.f, 3.f}});
  check_equal(read(mark + "1 3\na 1 2 3\n"), {"a"}, values);
  check_equal(read(mark + "1 3\na " + floats({1, 2, 3})), {"a"}, values);
  check_equal(read(mark + "a 1 2 3\n"), {"a"}, values);
  check_refused(mark, "is empty");
}

TEST_CASE("numbers of a header are those of every text") {
  check_equal(read("+1 +3\na 1 2 3\n"), {"a"}, torch::tensor({{1.f, 2.f, 3.f}}));
}

TEST_CASE("a first line that promises more than the file holds costs nothing") {
  for (const std::string header :
       {"1000000000000 300", "300 1000000000000", "9223372036854775807 9223372036854775807",
        "99999999999999999999999 5", "4611686018427387905 4", "5 99999999999999999999999", "4294967296 4294967296"}) {
    check_refused(header + "\na 1 2 3\n", "line 1: announces");
    check_refused(header + "\na " + floats({1, 2, 3}), "line 1: announces");
  }
}

TEST_CASE("what is wrong with a binary file is told by word") {
  const auto a = "a " + floats({1, 2, 3}), b = "b " + floats({4, 5, 6});
  check_refused("2 3\n" + a + b.substr(0, 9), "line 1: announces 2 words");
  check_refused("3 3\n" + std::string(50, 'x') + a + b, "ends in word 3 of the 3 announced");
  check_refused("2 3\n" + a + std::string(30, 'x'), "ends in word 2");
  check_refused("1 3\n" + a + b, "goes on after the 1 words announced");
  check_refused("2 3\n" + a + "b " + floats({4, NAN, 6}), "b: value 2 is nan");
  check_refused("2 3\n" + a + "b " + floats({4, 5, INFINITY}), "b: value 3 is inf");
}

TEST_CASE("rows whose words a format cannot hold are left out and counted") {
  const test::TempDir dir;
  const Words words{"x", "a b", "a\n", "\t", std::string("\0", 1), " c", "d ", "1 2", ". . ."};
  const WordVectors vectors(words, torch::ones({9, 2}));
  const auto written = [&](VectorFormat format, std::int64_t left_out) {
    CHECK(write_word_vectors(dir / "vectors", vectors, format) == left_out);
    return read_word_vectors(dir / "vectors").words();
  };
  CHECK(written(VectorFormat::kText, 8) == Words{"x"});
  CHECK(written(VectorFormat::kBinary, 8) == Words{"x"});
  CHECK(written(VectorFormat::kGlove, 6) == Words{"x", "a b", ". . ."});

  test::write_file(dir / "vectors", "as it was");
  CHECK_THROWS_WITH(write_word_vectors(dir / "vectors", {{"a b"}, torch::ones({1, 2})}, VectorFormat::kText),
                    Contains("vectors: is not written: every word has white space in it"));
  CHECK(test::read_file(dir / "vectors") == "as it was");
}

TEST_CASE("vector files that cannot be opened are named") {
  const test::TempDir dir;
  CHECK_THROWS_AS(write_word_vectors(dir / "none" / "vectors", {kPair, kValues()}, VectorFormat::kText), FileError);
  CHECK_THROWS_AS(read_word_vectors(dir / "none"), FileError);
  CHECK_THROWS_AS(read_word_vectors(dir.path()), FileError);
}

}  // namespace langzoo::test::formats_test
