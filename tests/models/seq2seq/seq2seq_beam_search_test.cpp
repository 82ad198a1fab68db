#include "models/generation/beam_search.h"

#include "models/generation/exhaustive_search.h"
#include "models/seq2seq/seq2seq_step.h"
#include "tests/support/test.h"

namespace langzoo::test::seq2seq_beam_search_test {
namespace {

using torch::Tensor;
using Ids = std::vector<std::int32_t>;

Seq2Seq small(const std::string& preset) {
  auto config = Seq2SeqConfig::preset(preset);
  config.source_vocab_size = 13;
  config.target_vocab_size = 11;
  config.embedding_size = 6;
  config.hidden_size = 8;
  config.attention_size = config.maxout_size = 7;
  if (config.attention_window > 0) config.attention_window = 2;
  config.initializer_range = 0.9;
  Seq2Seq model(config);
  model->eval();
  return model;
}

/// Remembers sources and tokens, and runs the whole model anew in each step.
class Forgetful : public StepFunction {
 public:
  Forgetful(Seq2Seq model, const Tensor& source, const Tensor& lengths)
      : model_(std::move(model)), source_(source), lengths_(lengths) {}
  Tensor step(const Tensor& ids) override {
    ids_ = ids_.defined() ? torch::cat({ids_, ids}, 1) : ids;
    const auto output = model_->forward(source_, lengths_, ids_);
    if (output.attention.defined()) attention_ = output.attention.select(1, -1);
    return output.logits.select(1, -1);
  }
  void reorder(const Tensor& rows) override {
    for (auto* held : {&source_, &lengths_, &ids_}) *held = held->index_select(0, rows);
  }
  std::int64_t capacity() const override { return 100; }
  Tensor attention() const override { return attention_; }

 private:
  Seq2Seq model_;
  Tensor source_, lengths_, ids_, attention_;
};

const Tensor kSource = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
const Tensor kLengths = torch::tensor({5, 2, 3});
const PaddedPrompts kStart = pad_left(std::vector<Ids>{{1}, {1}, {1}}, 0);

BeamSearchOptions papers(bool with_coverage) {
  BeamSearchOptions options;
  options.num_return_sequences = 3;
  options.max_new_tokens = 9;
  options.eos_token_ids = {2, 7};
  options.rules = BeamRules::kPapers;
  options.length_normalization = LengthNormalization::kGnmt;
  options.length_penalty = 0.6;
  if (with_coverage) options.coverage_penalty = 0.3;
  options.source_mask = torch::arange(5).unsqueeze(0) < kLengths.unsqueeze(1);
  return options;
}

void check_same(const std::vector<std::vector<Hypothesis>>& mine,
                const std::vector<std::vector<Hypothesis>>& expected) {
  REQUIRE(mine.size() == expected.size());
  for (std::size_t b = 0; b < mine.size(); ++b) {
    REQUIRE(mine[b].size() == expected[b].size());
    for (std::size_t i = 0; i < mine[b].size(); ++i) {
      CHECK(mine[b][i].ids == expected[b][i].ids);
      CHECK(mine[b][i].score == Approx(expected[b][i].score).epsilon(1e-4));
    }
  }
}

}  // namespace

TEST_CASE("beams over a decoder's states are those over whole passes, and sources do not see each other") {
  torch::manual_seed(3);
  for (const std::string preset : {"plain", "peeky", "dot", "bahdanau", "additive", "luong", "local-p", "gnmt"}) {
    INFO(preset);
    auto model = small(preset);
    for (const std::int64_t groups : {1, 2}) {
      auto options = papers(model->config().has_attention());
      options.num_beam_groups = groups;
      options.diversity_penalty = groups > 1 ? 0.7 : 0;
      Seq2SeqStepFunction step(model, kSource, kLengths, 100);
      Forgetful whole(model, kSource, kLengths);
      const auto together = beam_search(step, kStart, options);
      check_same(together, beam_search(whole, kStart, options));
      options.source_mask = Tensor();
      for (std::int64_t b = 0; b < 3; ++b) {
        const auto length = kLengths.narrow(0, b, 1);
        Seq2SeqStepFunction alone(model, kSource.narrow(0, b, 1).narrow(1, 0, length.item<std::int64_t>()), length,
                                  100);
        check_same(beam_search(alone, pad_left(std::vector<Ids>{{1}}, 0), options), {together[b]});
      }
    }
  }
}

TEST_CASE("with coverage and enough beams the best translation is the best of all") {
  torch::manual_seed(4);
  auto model = small("luong");
  auto options = papers(true);
  options.num_beams = 11 * 11 * 11;
  options.max_new_tokens = 3;
  Seq2SeqStepFunction step(model, kSource, kLengths, 100), again(model, kSource, kLengths, 100);
  check_same(beam_search(step, kStart, options), exhaustive_search(again, kStart, options));
}

}  // namespace langzoo::test::seq2seq_beam_search_test
