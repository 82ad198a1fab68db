#include "models/ngram/arpa.h"

#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "models/ngram/ngram_text.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::arpa_test {

namespace {

using Catch::Contains;

NGramModel read(const TempDir& dir, const std::string& arpa) {
  write_file(dir / "a.arpa", arpa);
  return read_arpa(dir / "a.arpa");
}

std::string written(const NGramModel& model) {
  std::ostringstream out;
  write_arpa(out, model);
  return out.str();
}

double log10_p(const NGramModel& model, NGramState state, const std::string& words) {
  std::istringstream in(words);
  double last = 0;
  for (std::string word; in >> word;) {
    last = model.log10_probability(state, std::max(0, model.words().find(word)));
  }
  return last;
}

// As SRILM writes it: %.7g, no back-off weight where none is needed, what has no history pruned away.
constexpr const char* kSrilm =
    "\n\\data\\\nngram 1=5\nngram 2=3\nngram 3=1\n\n"
    "\\1-grams:\n-0.69897\t</s>\n-99\t<s>\t-0.30103\n-0.69897\ta\t-0.1\n-0.39794\tb\t-0.2\n-1.5\t<unk>\n\n"
    "\\2-grams:\n-0.25\t<s> a\t-0.05\n-0.125\ta b\n-0.5\tb </s>\n\n"
    "\\3-grams:\n-0.0625\t<s> a b\n\n\\end\\\n";

}  // namespace

TEST_CASE("a written ARPA file is read as the model that it was, number for number") {
  const TempDir dir;
  for (const int order : {1, 2, 4}) {
    train_ngrams(fixture("ngram/text.txt"), dir / "model", {.order = order});
    const auto model = NGramModel::load(dir / "model");
    const auto arpa = written(model);
    const auto again = read(dir, arpa);
    CHECK(again.counts() == model.counts());
    CHECK(written(again) == arpa);
    const auto first = evaluate_ngrams(model, fixture("ngram/text.txt")),
               second = evaluate_ngrams(again, fixture("ngram/text.txt"));
    CHECK(first.nats == second.nats);
  }
}

TEST_CASE("SRILM's files are read") {
  const TempDir dir;
  const auto model = read(dir, kSrilm);
  CHECK(model.order() == 3);
  CHECK(model.vocabulary() == 4);
  CHECK(log10_p(model, model.start(), "a") == Approx(-0.25));
  CHECK(log10_p(model, model.start(), "a b") == Approx(-0.0625));
  CHECK(log10_p(model, model.start(), "a a") == Approx(-0.05 - 0.1 - 0.69897));
  CHECK(log10_p(model, model.start(), "b a") == Approx(-0.2 - 0.69897));
  CHECK(log10_p(model, model.start(), "b") == Approx(-0.30103 - 0.39794));
  CHECK(log10_p(model, model.empty(), "a b") == Approx(-0.125));
  CHECK(log10_p(model, model.empty(), "a b </s>") == Approx(-0.5));
  CHECK(log10_p(model, model.start(), "what") == Approx(-0.30103 - 1.5));
  CHECK_THAT(written(model), Contains("-99\t<s>\t-0.30103\n") && Contains("-0.69897\ta\t-0.1\n"));
}

TEST_CASE("blanks of any kind, comments before the data and a missing line end do not matter") {
  const TempDir dir;
  std::string other = "\xef\xbb\xbf# a comment\r\n";
  for (const char c : std::string(kSrilm))
    other += c == '\t' ? std::string("  ") : c == '\n' ? " \r\n" : std::string(1, c);
  other.resize(other.find_last_not_of(" \r\n") + 1);
  CHECK(written(read(dir, other)) == written(read(dir, kSrilm)));
}

TEST_CASE("a file without <unk> gives it 10^-100") {
  const TempDir dir;
  std::string arpa = kSrilm;
  arpa.erase(arpa.find("-1.5\t<unk>\n"), 11);
  arpa.replace(arpa.find("ngram 1=5"), 9, "ngram 1=4");
  const auto model = read(dir, arpa);
  CHECK(log10_p(model, model.empty(), "what") == Approx(-100));
  CHECK(log10_p(model, model.start(), "a") == Approx(-0.25));
}

TEST_CASE("<UNK> is <unk> only where there is no <unk>, and a file without </s> says so") {
  const TempDir dir;
  std::string loud = kSrilm;
  loud.replace(loud.find("<unk>"), 5, "<UNK>");
  CHECK(log10_p(read(dir, loud), {}, "what") == Approx(-1.5));
  std::string both = kSrilm;
  both.replace(both.find("\ta\t-0.1"), 2, "\t<UNK>");
  both.replace(both.find("<s> a\t"), 5, "<s> <UNK>");
  both.replace(both.find("\ta b\n"), 2, "\t<UNK>");
  both.replace(both.find("<s> a b"), 7, "<s> <UNK> b");
  CHECK(log10_p(read(dir, both), {}, "what") == Approx(-1.5));
  CHECK(log10_p(read(dir, both), {}, "<UNK> b") == Approx(-0.125));
  std::ostringstream out;
  CHECK(convert_arpa(dir / "a.arpa", out));
  write_file(dir / "endless", "\\data\\\nngram 1=1\n\\1-grams:\n-0.1 a\n\\end\\\n");
  CHECK_FALSE(convert_arpa(dir / "endless", out));
}

TEST_CASE("histories that a file leaves out are what backing off gives them") {
  const TempDir dir;
  const auto model = read(dir,
                          "\\data\\\nngram 1=4\nngram 2=1\nngram 3=1\n\\1-grams:\n-1 </s>\n-1 <s> -0.3\n-0.5 a -0.1\n"
                          "-0.6 b -0.2\n\\2-grams:\n-0.4 b b -0.7\n\\3-grams:\n-0.01 a b a\n\\end\\\n");
  CHECK(log10_p(model, model.empty(), "a b") == Approx(-0.1 - 0.6));
  CHECK(log10_p(model, model.empty(), "a b a") == Approx(-0.01));
  CHECK(log10_p(model, model.empty(), "a b b") == Approx(-0.4));
  CHECK(log10_p(model, model.empty(), "b b a") == Approx(-0.7 - 0.2 - 0.5));
}

TEST_CASE("what is no ARPA file is refused by line") {
  const TempDir dir;
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& says) {
    std::string arpa = kSrilm;
    const auto at = arpa.find(from);
    REQUIRE(at != std::string::npos);
    arpa.replace(at, from.size(), to);
    INFO(from << " -> " << to);
    CHECK_THROWS_AS(read(dir, arpa), FileError);
    CHECK_THROWS_WITH(read(dir, arpa), Contains("a.arpa: line ") && Contains(says));
  };
  refused("\\data\\", "data", "\\data\\");
  refused("ngram 1=5", "ngram 2=5", "order 1");
  refused("ngram 1=5", "ngram one=5", "ngram N=COUNT");
  refused("ngram 1=5", "ngram 1=-5", "ngram N=COUNT");
  refused("ngram 1=5", "ngram 1=6", "line 14: 5 1-grams end here");
  refused("ngram 1=5\nngram 2=3\nngram 3=1\n", "", "ngram 1=COUNT");
  refused("\\2-grams:", "\\3-grams:", "\\2-grams:");
  refused("-0.25\t<s> a", "x\t<s> a", "the probability x");
  refused("-0.25\t<s> a", "nan\t<s> a", "the probability nan");
  refused("-0.25\t<s> a", "0.25\t<s> a", "more than 1");
  refused("-0.25\t<s> a\t-0.05", "-0.25\t<s> a\tnan", "back-off weight nan");
  refused("-0.25\t<s> a\t-0.05", "-0.25\t<s> a\t3e38", "back-off weight is 10^3e38: too large");
  refused("-0.25\t<s> a\t-0.05", "-0.25\t<s> a\t-0.05 1", "more than 2 words");
  refused("-0.25\t<s> a\t-0.05", "-0.25\t<s>", "2 words");
  refused("-0.25\t<s> a", "-0.25\ta <s>", "behind another word");
  refused("-0.25\t<s> a", "-0.25\tc a", "\"c\" is not among the 1-grams");
  refused("-0.5\tb </s>", "-0.5\ta b", "twice");
  refused("-0.69897\ta", "-0.69897\t\xe9", "is not UTF-8");
  refused("<s> a b\n\n", "<s> a b -1\n\n", "longest");
  refused("\\end\\\n", "", "\\end\\");
  refused("\\end\\\n", "\\4-grams:\n", "\\end\\");
  std::string long_one = "\\data\\\n";
  for (int i = 1; i < 80; ++i) long_one += "ngram " + std::to_string(i) + "=1\n";
  CHECK_THROWS_WITH(read(dir, long_one), Contains("order 65"));
  CHECK_THROWS_WITH(read(dir, ""), Contains("no ARPA file"));
  CHECK_THROWS_WITH(read_arpa(dir / "missing"), Contains("missing"));
}

TEST_CASE("a model that is no back-off model has no ARPA file") {
  const TempDir dir;
  train_ngrams(fixture("ngram/text.txt"), dir / "model", {.smoothing = NGramSmoothing::kAddK});
  CHECK_THROWS_WITH(written(NGramModel::load(dir / "model")), Contains("back-off"));
  const std::vector<std::int32_t> ids = {2, 3};
  CHECK_THROWS_WITH(
      written(estimate_ngrams(std::vector{std::span(ids)}, 4, 1, {.order = 1, .discount_fallback = true})),
      Contains("of a tokenizer's ids: train one of words"));
}

}  // namespace langzoo::test::arpa_test
