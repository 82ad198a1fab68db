#include "tests/support/test.h"

#include <functional>

#include "data/files/file_error.h"
#include "data/files/file_kind.h"
#include "data/files/text_source.h"
#include "data/parallel/parallel_text.h"
#include "data/text/table.h"
#include "models/io/weights.h"
#include "models/word_vectors/formats.h"
#include "tokenizers/tokenizer.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;
namespace fs = std::filesystem;

TEST_CASE("whatever reads a file that users give names one of another kind as what it is") {
  const TempDir dir;
  test::write_file(dir / "good.txt", "a\tb\n");
  const std::pair<std::string, std::function<void(const fs::path&)>> readers[] = {
      {"text.txt", [](const fs::path& path) { find_text_files(path); }},
      {"folder/text.txt", [](const fs::path& path) { find_text_files(path.parent_path()); }},
      {"pairs.tsv", [](const fs::path& path) { open_parallel_text(path, false); }},
      {"pairs.jsonl", [](const fs::path& path) { open_parallel_text(path, false); }},
      {"source.en", [&](const fs::path& path) { read_two_files(path, dir / "good.txt"); }},
      {"target.fr", [&](const fs::path& path) { read_two_files(dir / "good.txt", path); }},
      {"labelled.csv",
       [](const fs::path& path) {
         read_table(path, {{"text"}, {"label"}});
       }},
      {"vectors.txt", [](const fs::path& path) { read_word_vectors(path); }},
      {"vectors.bin", [](const fs::path& path) { read_word_vectors(path); }},
      {"one/model.safetensors", [](const fs::path& path) { load_weights(path.parent_path()); }},
      {"two/pytorch_model.bin", [](const fs::path& path) { load_weights(path.parent_path()); }},
      {"tokenizer.json", [](const fs::path& path) { load_tokenizer(path); }},
      {"spiece.model", [](const fs::path& path) { load_tokenizer(path); }},
  };
  const std::pair<std::string, std::string> files[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "is a Git LFS pointer"},
      {"\x1f\x8b\x08 compressed", "is compressed (gzip)"},
      {"\xba\x16\x4f\x2f model", "is a fastText model (.bin)"},
  };
  for (const auto& [name, read] : readers) {
    for (const auto& [bytes, words] : files) {
      CAPTURE(name, words);
      fs::create_directories((dir / name).parent_path());
      test::write_file(dir / name, bytes);
      CHECK_THROWS_AS(read(dir / name), FileError);
      CHECK_THROWS_WITH(read(dir / name), Contains((dir / name).string() + ": " + words));
    }
  }
}
