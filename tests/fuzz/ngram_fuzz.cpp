// N-grams from files: an ARPA file or a model's bytes are refused with an error or give a model, which can be asked,
// and which written as ARPA and read again is the same.
#include <cmath>
#include <sstream>

#include "models/ngram/arpa.h"
#include "models/ngram/ngram_text.h"
#include "tests/support/fuzz.h"
#include "tests/support/plain_test.h"

using namespace langzoo;

LANGZOO_FUZZER(ngram) {
  const test::TempDir dir;
  const auto path = dir / "file";
  std::vector<std::string> seeds{
      "\\data\\\nngram 1=4\nngram 2=2\nngram "
      "3=1\n\n\\1-grams:\n-0.6\t</s>\n-99\t<s>\t-0.3\n-0.5\ta\t-0.1\n-1\t<unk>\n\n"
      "\\2-grams:\n-0.2\t<s> a\t0.05\n-0.1\ta a\n\n\\3-grams:\n-0.01\t<s> a a\n\n\\end\\\n",
      "\\data\\\nngram 1=2\nngram 2=0\nngram 3=1\n\\1-grams:\n-1 a\n-inf b -inf\n\\2-grams:\n\\3-grams:\n-1e-8 a b a\n"
      "\\end\\"};
  test::write_file(dir / "text", "a b c\na b\nb c a\n\nc\n");
  for (const auto smoothing : {NGramSmoothing::kModifiedKneserNey, NGramSmoothing::kStupidBackoff}) {
    train_ngrams(dir / "text", path, {.order = 3, .smoothing = smoothing, .discount_fallback = true});
    seeds.push_back(test::read_file(path));
  }
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const bool binary = bytes.starts_with("langzoo");
    const auto model = binary ? NGramModel::load(path) : read_arpa(path);
    auto state = model.start();
    for (std::int32_t word = 0; word < std::min(model.vocabulary(), 100); ++word) {
      for (const std::int32_t last : {0, word}) model.log_probability(state, last);
    }
    if (!model.is_backoff() || !model.has_words()) return;
    std::ostringstream first, second;
    write_arpa(first, model);
    if (binary) return;
    test::write_file(path, first.str());
    write_arpa(second, read_arpa(path));
    test::require(first.str() == second.str(), "what was written reads differently");
  });
}
