#include "tests/support/test.h"

#include "apps/training/tasks/examples.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/fasttext/fasttext.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace {

/// Reads all its ids at once, however many.
class Reader : public torch::nn::Module, public TokenModel {
 public:
  torch::nn::Module& module() override { return *this; }
  std::int64_t vocab_size() const override { return 100; }
  std::int64_t n_positions() const override { return 0; }
  void save_pretrained(const std::filesystem::path& /*dir*/) const override {}
};

/// Two texts a row; the target is as many ids as `count` says.
class Pairs : public ExampleKindFor<Reader> {
 public:
  const ExampleFormat& format() const override { return format_; }
  std::string complete_config(ModelConfig& /*config*/, const std::vector<TableRow>& rows) const override {
    return std::to_string(rows.size()) + " in all";
  }
  std::vector<TokenId> input_ids(const TableRow& row, const Tokenizer& tokenizer,
                                 const TokenModel& /*model*/) const override {
    std::vector<TokenId> ids;
    for (int i = 0; i < 2; ++i) tokenizer.encode(row.values.at(static_cast<std::size_t>(i)), ids);
    return ids;
  }
  std::vector<TokenId> target_ids(const TableRow& row, const Tokenizer& /*tokenizer*/,
                                  const TokenModel& /*model*/) const override {
    if (row.values.at(2) == "none") throw std::runtime_error("is no number: none");
    return std::vector<TokenId>(std::stoul(row.values[2]), 1);
  }
  torch::Tensor loss_sum(TokenModel& /*model*/, const ParallelBatch& /*batch*/) const override { return {}; }
  EvalMetrics evaluate(TokenModel& /*model*/, const ParallelCorpus& /*examples*/,
                       torch::Device /*device*/) const override {
    return {};
  }

 private:
  ExampleFormat format_ = {.task = "pairs",
                           .examples = "pairs of texts",
                           .inputs = "pairs",
                           .input_columns = {{"first", "the one"}, {"second", "the other"}},
                           .target_columns = {{"count", "how many"}},
                           .loss_unit = "",
                           .metrics = {},
                           .metrics_help = "",
                           .otherwise = "reads no pairs",
                           .decided = {}};
};

}  // namespace

TEST_CASE("a kind's columns are keys; its tokenizer learns from every input, its rows become ids") {
  const TempDir dir;
  const Pairs kind;
  ExampleOptions options(kind.format());
  std::vector<std::string> names;
  for (const auto& field : fields_of(fields_in(options))) names.push_back(field.name);
  CHECK(names == std::vector<std::string>{"train", "valid", "tokenizer", "first_column", "second_column",
                                          "count_column", "valid_fraction"});
  REQUIRE(find_field(fields_in(options), "second_column")->set("\"b\""));
  options.train = (dir / "train.csv").string();
  options.tokenizer = "char";
  options.valid_fraction = 0;
  test::write_file(options.train, "first,b,count\nxy,zz,2\n,q,0\n");
  std::string told;
  auto config = ModelConfig::of(FastTextConfig());
  const auto tell = [&](const std::string& text) { told = text; };
  const auto rows = open_examples(kind, options, *config, dir / "run", tell);
  CHECK(told == "2 pairs, 0 to validate, 2 in all");
  CHECK(rows.tokenizer->vocab_size() == 4);

  const Reader model;
  const auto examples = encode_examples(kind, options.train, rows.train, *rows.tokenizer, model);
  CHECK(examples.source(0).size() == 4);
  CHECK(examples.target(0).size() == 2);
  CHECK(examples.source(1).size() == 1);
  CHECK(examples.target(1).size() == 0);
  const auto inputs = read_examples(options.train, options, /*targets=*/false);
  CHECK(encode_examples(kind, options.train, inputs, *rows.tokenizer, model).target_tokens() == 0);

  // Each example at its place, whatever batch it was in.
  const auto lengths =
      of_all_examples(examples, torch::kCPU, [](const ParallelBatch& batch) { return input_mask(batch).sum(1, true); });
  CHECK(torch::equal(lengths, torch::tensor({{4.F}, {1.F}})));

  test::write_file(options.train, "first,b,count\nx,y,none\n");
  CHECK_THROWS_WITH(encode_examples(kind, "t.csv", read_examples(options.train, options), *rows.tokenizer, model),
                    Contains("t.csv: line 2: is no number: none"));
  test::write_file(options.train, "first,b,count\nx,y,\n");
  CHECK_THROWS_WITH(read_examples(options.train, options), Contains("line 2: has an empty count"));
  options.train.clear();
  CHECK_THROWS_WITH(open_examples(kind, options, *config, dir / "run", tell),
                    "data.train is missing: a file of pairs of texts");
}

TEST_CASE("a folder with another kind's model is refused") {
  const TempDir dir;
  FastTextConfig config;
  config.vocab_size = 5, config.dim = 2;
  FastTextForSequenceClassification(config)->save_pretrained(dir / "fasttext");
  CHECK_THROWS_WITH(load_example_model(Pairs(), dir / "fasttext", {}),
                    (dir / "fasttext").string() + ": FastTextForSequenceClassification reads no pairs");
}
