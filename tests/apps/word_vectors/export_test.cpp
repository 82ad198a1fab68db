#include "tests/support/test.h"

#include "data/words/vocabulary.h"
#include "models/glove/glove.h"
#include "tests/apps/word_vectors/word_vectors.h"

using namespace langzoo::test;

TEST_CASE("export writes every format, from every format") {
  const TempDir dir;
  const auto out = (dir / "out").string();
  const auto binary = read_file(vector_fixture("gensim.bin"));
  for (const std::string from : {"gensim.bin", "gensim.txt", "gensim.glove.txt"}) {
    for (const std::string format : {"text", "binary", "glove"}) {
      INFO(from << " to " << format);
      const auto result =
          word2vec({"export", "--model", vector_fixture(from), "--format", format, "--out", out, "--json"}).object();
      CHECK(result["out"] == out);
      CHECK(result["format"] == format);
      CHECK(result["words"] == 200);
      CHECK(result["dim"] == 6);
      const auto before = langzoo::read_word_vectors(vector_fixture(from)), after = langzoo::read_word_vectors(out);
      CHECK(after.words() == before.words());
      CHECK(after.vectors().equal(before.vectors()));
    }
  }
  CHECK(read_file(out).starts_with("</s> -0.37"));
}

TEST_CASE("export's errors leave what was there") {
  const TempDir dir;
  const auto out = dir / "out";
  write_file(out, "as it was");
  write_file(dir / "wrong.txt", "3 2\na 1 2\n");
  const auto model = vector_fixture("gensim.bin");
  const auto refused = [&](const std::string& from, const std::string& format, int code, const std::string& names) {
    check_error(word2vec({"export", "--model", from, "--format", format, "--out", out.string()}), code, names);
  };
  write_file(dir / "blank.txt", ". . . 1 2\n");
  refused((dir / "blank.txt").string(), "text", 1, "out: is not written: every word has white space in it");
  refused((dir / "wrong.txt").string(), "text", 1, "wrong.txt");
  refused(model, "pickle", 2, "--format");
  // The file that is read.
  write_file(out, "a 1 2\nb 3 4\n");
  refused(out.string(), "binary", 2, "--out");
  refused((dir / "." / "out").string(), "binary", 2, "--out");
  CHECK(read_file(out) == "a 1 2\nb 3 4\n");
  check_error(word2vec({"export", "--model", model, "--format", "text", "--out", (dir / "none" / "x").string()}), 1,
              "none");
  check_error(word2vec({"export", "--model", model, "--format", "text"}), 2, "--out");
}

TEST_CASE("one odd row does not cost the file, and what is left out is said") {
  const TempDir dir;
  write_file(dir / "odd.txt", ". . . 1 2\nx 3 4\n 5 6\nx 7 8\n");
  const auto exported = [&](const std::string& format, const std::string& out) {
    return word2vec({"export", "--model", dir / "odd.txt", "--format", format, "--out", out, "--json"});
  };
  const auto text = exported("text", dir / "out");
  CHECK_THAT(text.err, Catch::Contains("odd.txt: left out: 1 row without a word") &&
                           Catch::Contains("odd.txt: left out: 1 row of words that were there before") &&
                           Catch::Contains("left out: 1 word with white space, which text cannot hold"));
  CHECK(text.object()["words"] == 1);
  CHECK(read_file(dir / "out") == "1 2\nx 3 4\n");
  CHECK(exported("glove", dir / "out").object()["words"] == 2);
  CHECK(read_file(dir / "out") == ". . . 1 2\nx 3 4\n");
}

TEST_CASE("vectors come from a pipe and go to one") {
  const TempDir dir;
  // A link as /dev/stdout is one: were it replaced, no program's output would go anywhere.
  std::filesystem::create_symlink("/proc/self/fd/1", dir / "stdout");
  const std::string vectors = "a 1 2\nb 3 4\n";
  CHECK(output({"export", "--model", "-", "--format", "glove", "--out", dir / "stdout"}, vectors) == vectors);
  CHECK(std::filesystem::is_symlink(dir / "stdout"));
  CHECK(output({"export", "--model", "-", "--format", "glove", "--out", "-"}, vectors) == vectors);
  CHECK(output({"export", "--model", "/dev/stdin", "--format", "text", "--out", "/proc/self/fd/1"}, vectors) ==
        "2 2\n" + vectors);
  CHECK_THAT(output({"eval", "--model", vector_fixture("gensim.txt"), "--similarity", "-"},
                    "\xef\xbb\xbfthe\tof\t+6.7\r\nin\ton\t3\r\n"),
             Catch::Contains("similarity"));
}

TEST_CASE("vectors and JSON do not share stdout") {
  const auto model = vector_fixture("gensim.txt");
  for (const std::string out : {"-", "/dev/stdout", "/proc/self/fd/1"}) {
    INFO(out);
    check_error(word2vec({"export", "--model", model, "--format", "text", "--out", out, "--json"}), 2,
                "--json: not with --out to stdout");
    check_error(word2vec({"map", "--model", model, "--out", out, "--json"}), 2, "--json: not with --out to stdout");
  }
  CHECK_THAT(word2vec({"export", "--model", model, "--format", "text", "--out", "-", "--seed", "3"}).err,
             Catch::StartsWith("warning: --seed has no effect where nothing is drawn\n"));
  const TempDir dir;
  CHECK_THAT(word2vec({"map", "--model", model, "--out", dir / "map.html", "--method", "pca", "--seed", "3"}).err,
             Catch::StartsWith("warning: --seed has no effect where --method is pca\n"));
}

TEST_CASE("export does not write over a file of the model folder") {
  const TempDir dir;
  const langzoo::Vocabulary vocabulary({"a", "b"}, {2, 1});
  langzoo::GloveConfig config;
  config.vocab_size = 2;
  config.dim = 3;
  langzoo::Glove(config)->save_pretrained(dir.path());
  vocabulary.save(dir / "vocab.tsv");
  for (const std::string name : {"config.json", "model.safetensors", "vocab.tsv"}) {
    INFO(name);
    const auto before = read_file(dir / name);
    check_error(word2vec({"export", "--model", dir.path().string(), "--format", "text", "--out", dir / name}), 2,
                "--out");
    check_error(word2vec({"map", "--model", dir.path().string(), "--out", dir / name}), 2, "--out");
    CHECK(read_file(dir / name) == before);
  }
  output({"export", "--model", dir.path().string(), "--format", "text", "--out", dir / "vectors.txt"});
  output({"export", "--model", dir.path().string(), "--format", "text", "--out", dir / "vectors.txt"});
}
