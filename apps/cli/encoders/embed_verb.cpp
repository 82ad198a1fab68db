#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/encoders/given_texts.h"
#include "apps/cli/encoders/verbs.h"
#include "apps/cli/model_verb.h"
#include "apps/training/tasks/embedding.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Texts at a time, which bounds the memory.
constexpr std::size_t kAtOnce = 1024;

class EmbedVerb : public ModelVerb {
 public:
  std::string name() const override { return "embed"; }
  std::string summary() const override { return "texts as vectors"; }
  std::string examples() const override {
    return "embed --model run --text \"a fine film\" --json\n"
           "embed --model sentence-transformer --data lines.txt --json\n";
  }
  std::string notes() const override {
    return "Fields under --json, a line a text: embedding. Without it: numbers with blanks between them. A folder of\n"
           "sentence-transformers says itself how vectors are pooled, whether they are normalised, and how many "
           "tokens\n"
           "count (sentence_bert_config.json).\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    input_.add_to(options, "a text", /*pairs=*/false);
    options.add("--pooling", pooling_, "mean of the tokens, cls (the first one), pooler, or max; mean unless given")
        .one_of({"mean", "cls", "pooler", "max"});
    options.add("--normalize,!--no-normalize", normalize_, "vectors of length 1");
    options.add("--max-length", max_length_,
                "tokens of a text, what is longer is cut; 0: all the model takes; as in the folder unless given");
    options.add("--batch-size", batch_size_, "texts computed together").range(1, 4096);
    normalize_given_ = [&options] { return options.given("--normalize"); };
  }
  void compute(const ComputeOptions& common) override {
    EmbeddingOptions wanted;
    if (pooling_) {
      wanted.pooling = *pooling_ == "cls"      ? Pooling::kCls
                       : *pooling_ == "pooler" ? Pooling::kPooler
                       : *pooling_ == "max"    ? Pooling::kMax
                                               : Pooling::kMean;
    }
    if (normalize_given_()) wanted.normalize = normalize_;
    if (max_length_) wanted.max_length = static_cast<std::int64_t>(*max_length_);
    wanted.batch_size = static_cast<std::int64_t>(batch_size_);
    input_.check();
    const auto embedder = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return SentenceEmbedder::load(model_, options, wanted, report);
    });
    std::int64_t cut = 0, read = 0;
    input_.for_each(kAtOnce, [&](const std::vector<GivenText>& given) {
      std::vector<std::string> texts;
      for (const auto& text : given) texts.push_back(text.text);
      print(embedder.embed(texts, &cut), common.json);
      read += std::ssize(texts);
    });
    if (cut > 0)
      std::cerr << fmt::format("note: {} of {} texts were cut to {} tokens\n", cut, read, embedder.max_length());
  }

 private:
  static void print(const torch::Tensor& all, bool json) {
    const auto width = all.size(1);
    for (std::int64_t i = 0; i < all.size(0); ++i) {
      const auto* const row = all.data_ptr<float>() + i * width;
      if (json) {
        print_json({{"embedding", std::vector<double>(row, row + width)}});
      } else {
        std::cout << fmt::format("{}\n", fmt::join(row, row + width, " "));
      }
    }
  }

  GivenTexts input_;
  std::optional<std::string> pooling_;
  bool normalize_ = false;
  std::function<bool()> normalize_given_;
  std::optional<std::size_t> max_length_;
  std::size_t batch_size_ = 32;
};

}  // namespace

std::unique_ptr<Verb> embed_verb() {
  return std::make_unique<EmbedVerb>();
}

}  // namespace langzoo
