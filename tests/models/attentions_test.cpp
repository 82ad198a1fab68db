// The attention weights that models give to be looked at, against transformers' output_attentions
// (make_attentions.py).
#include "tests/support/test.h"

#include "models/gpt/gpt.h"
#include "models/io/safetensors.h"
#include "models/registry.h"
#include "models/seq2seq/seq2seq.h"
#include "models/transformer/transformer.h"

namespace langzoo::test::attentions_test {
namespace {

constexpr std::int64_t kMany = 1 << 20;

/// Shapes: (L,B,H,T,S).
torch::Tensor stacked(const AttentionWeights& weights) {
  return torch::stack(weights.layers);
}

void check_sums(const torch::Tensor& weights) {
  CHECK(max_difference(weights.sum(-1), torch::ones_like(weights.select(-1, 0))) < 1e-6);
  CHECK(weights.min().item<double>() >= 0);
}

void check_causal(const torch::Tensor& weights) {
  CHECK(weights.triu(1).abs().max().item<double>() == 0);
}

}  // namespace

TEST_CASE("GPT-2's attentions are transformers', rows of one that end at the token itself") {
  const std::string variant = GENERATE("tiny", "relu_inverse");
  auto model = from_pretrained<Gpt2LmHeadModel>(fixture("gpt/" + variant));
  const auto golden = load_safetensors(fixture("gpt/" + variant + "/attentions.safetensors"));
  const auto ids = load_safetensors(fixture("gpt/" + variant + "/golden.safetensors"))["ids"];
  const torch::NoGradGuard no_grad;
  const auto logits = model->forward(ids).logits;
  AttentionWeights recorded{AttentionKind::kDecoder};
  CHECK(max_difference(model->forward(ids, {.attentions = &recorded}).logits, logits) < 1e-4);
  const auto weights = stacked(model->attentions(ids, kMany));
  CHECK(torch::equal(weights, stacked(recorded)));
  CHECK(max_difference(weights, golden["attentions"]) < 1e-5);
  check_sums(weights);
  check_causal(weights);
}

TEST_CASE("Marian's attentions are transformers', of the encoder, the decoder and between them") {
  const std::string variant = GENERATE("shared", "separate");
  auto model = from_pretrained<MarianMtModel>(fixture("transformer/" + variant));
  const auto golden = load_safetensors(fixture("transformer/" + variant + "/attentions.safetensors"));
  const auto inputs = load_safetensors(fixture("transformer/" + variant + "/golden.safetensors"));
  const auto &source = inputs["source"], &lengths = inputs["source_lengths"], &input = inputs["decoder_input"];
  const torch::NoGradGuard no_grad;
  const auto all = model->attentions(source, lengths, input, kMany);
  REQUIRE(all.size() == 3);
  const std::pair<AttentionKind, const char*> kinds[] = {{AttentionKind::kEncoder, "encoder_attentions"},
                                                         {AttentionKind::kDecoder, "decoder_attentions"},
                                                         {AttentionKind::kCross, "cross_attentions"}};
  for (std::size_t i = 0; i < 3; ++i) {
    INFO(variant << " " << kinds[i].second);
    CHECK(all[i].kind == kinds[i].first);
    const auto weights = stacked(all[i]);
    CHECK(max_difference(weights, golden[kinds[i].second]) < 1e-5);
    check_sums(weights);
    if (all[i].kind == AttentionKind::kDecoder) check_causal(weights);
  }
  // What alignments are read off is one of those layers, the mean of its heads.
  const auto layer = model->model->decoder->alignment_layer();
  CHECK(max_difference(model->attention(source, lengths, input), all[2].layers[layer].mean(1)) < 1e-6);
  CHECK_THROWS_AS(model->attentions(source, lengths, input.narrow(0, 0, 1), kMany), std::invalid_argument);
}

TEST_CASE("a recurrent model's attention is one layer of one head, and there is none without") {
  auto config = Seq2SeqConfig::preset("luong");
  config.source_vocab_size = 12, config.target_vocab_size = 11;
  config.embedding_size = config.hidden_size = 8;
  const auto source = torch::tensor({{3, 4, 5}, {6, 7, 0}}), lengths = torch::tensor({3, 2});
  const auto input = torch::tensor({{1, 8}, {1, 3}});
  Seq2Seq model(config);
  model->eval();
  const auto all = model->attentions(source, lengths, input, kMany);
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == AttentionKind::kCross);
  CHECK(stacked(all[0]).sizes() == torch::IntArrayRef({1, 2, 1, 2, 3}));
  check_sums(stacked(all[0]));

  config = Seq2SeqConfig::preset("plain");
  config.source_vocab_size = 12, config.target_vocab_size = 11;
  config.embedding_size = config.hidden_size = 8;
  Seq2Seq plain(config);
  CHECK(plain->attentions(source, lengths, input, kMany).empty());
}

TEST_CASE("more weights than were asked for are an error that names the sizes") {
  auto model = from_pretrained<Gpt2LmHeadModel>(fixture("gpt/tiny"));
  const auto ids = torch::ones({1, 10}, torch::kInt64);
  CHECK(model->attentions(ids, 2 * 4 * 100).layers.size() == 2);
  CHECK_THROWS_WITH(model->attentions(ids, 2 * 4 * 100 - 1),
                    Catch::Contains("2 layers of 4 heads over 10 x 10 tokens are more than 799"));
}

}  // namespace langzoo::test::attentions_test
