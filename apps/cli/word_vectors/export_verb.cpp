#include <iostream>
#include <map>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/word_vectors/vectors_verb.h"
#include "apps/cli/word_vectors/verbs.h"
#include "models/word_vectors/formats.h"

namespace langzoo {

namespace {

const std::map<std::string, VectorFormat> kFormats{
    {"text", VectorFormat::kText}, {"binary", VectorFormat::kBinary}, {"glove", VectorFormat::kGlove}};

class ExportVerb : public VectorsVerb {
 public:
  std::string name() const override { return "export"; }
  std::string summary() const override { return "write the vectors for other programs"; }
  std::string examples() const override {
    return "export --model vectors --format binary --out vectors.bin\n"
           "export --model glove.6B.50d.txt --format text --out vectors.txt\n";
  }
  std::string notes() const override {
    return "Formats: text, word2vec's, which fastText (.vec) and gensim read as well; binary, word2vec's, which its "
           "own\n"
           "distance and word-analogy read; glove, text without the first line. A word with white\n"
           "space is left out, which is said on stderr; glove takes single spaces.\n"
           "Fields under --json: out, format, words, dim.\n";
  }

 protected:
  void add_more_options(Options& options) override {
    options.add("--format", format_, "text, binary or glove").one_of({"text", "binary", "glove"}).required();
    options.add("--out", out_, "the file to write").required();
  }
  void check(const CommonOptions& common) override { check_out(out_, common.json); }
  void use(const WordVectors& vectors, const CommonOptions& common) override {
    const auto left_out = write_word_vectors(out_, vectors, kFormats.at(format_));
    const auto words = static_cast<std::int64_t>(vectors.size()) - left_out;
    if (left_out > 0) {
      std::cerr << fmt::format("left out: {} with white space, which {} cannot hold\n",
                               counted(left_out, "word", "words"), format_);
    }
    if (common.json) return print_json({{"out", out_}, {"format", format_}, {"words", words}, {"dim", vectors.dim()}});
    std::cerr << fmt::format("{}: {} words of {} values\n", out_, words, vectors.dim());
  }

 private:
  std::string format_, out_;
};

}  // namespace

std::unique_ptr<Verb> export_verb() {
  return std::make_unique<ExportVerb>();
}

}  // namespace langzoo
