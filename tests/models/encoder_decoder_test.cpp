// What every encoder-decoder of the registry promises to tasks that know it as an EncoderDecoder only.
#include "tests/support/test.h"

#include "models/encoder_decoder.h"
#include "models/registry.h"
#include "models/seq2seq/seq2seq.h"

namespace langzoo::test::encoder_decoder_test {

namespace {

struct Batch {
  torch::Tensor source = torch::tensor({{3, 4, 5}, {6, 7, 0}});
  torch::Tensor lengths = torch::tensor({3, 2});
  torch::Tensor decoder_input = torch::tensor({{1, 8, 9}, {1, 3, 0}});
  torch::Tensor labels = torch::tensor({{8, 9, 2}, {3, 2, -100}});
};

std::shared_ptr<torch::nn::Module> make(std::vector<std::int64_t> eos = {2}) {
  auto config = Seq2SeqConfig::preset("luong");
  config.source_vocab_size = 12, config.target_vocab_size = 11;
  config.embedding_size = config.hidden_size = 8;
  config.eos_token_id = std::move(eos);
  torch::manual_seed(1);
  auto model = find_registered_model("seq2seq")->make(write_fields(config), "config.json");
  model->eval();
  return model;
}

}  // namespace

TEST_CASE("an EncoderDecoder says of its config what tasks ask, and computes as its model") {
  const auto module = make();
  const auto model = std::dynamic_pointer_cast<EncoderDecoder>(module);
  REQUIRE(model);
  auto& seq2seq = dynamic_cast<Seq2SeqImpl&>(*module);
  CHECK(&model->module() == module.get());
  CHECK(model->source_vocab_size() == 12);
  CHECK(model->target_vocab_size() == 11);
  CHECK(model->start_token() == 1);
  CHECK(model->end_token() == 2);
  CHECK_FALSE(std::dynamic_pointer_cast<EncoderDecoder>(make({}))->end_token());

  const Batch batch;
  const auto output = seq2seq.forward(batch.source, batch.lengths, batch.decoder_input);
  const auto expected =
      at::cross_entropy_loss(output.logits.reshape({-1, 11}), batch.labels.flatten(), {}, at::Reduction::Sum, -100);
  CHECK(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels).item<double>() ==
        Approx(expected.item<double>()));
  CHECK(torch::equal(model->attention(batch.source, batch.lengths, batch.decoder_input), output.attention));
}

TEST_CASE("several tokens may end a target; its labels have the first of the vocabulary") {
  const auto ends = [](std::vector<std::int64_t> eos) {
    const auto model = std::dynamic_pointer_cast<EncoderDecoder>(make(std::move(eos)));
    return std::pair(model->end_token(), model->end_tokens());
  };
  CHECK((ends({2}) == std::pair(std::optional(2), std::vector{2})));
  CHECK((ends({7, 2}) == std::pair(std::optional(7), std::vector{7, 2})));
  CHECK((ends({90, 7, 2}) == std::pair(std::optional(7), std::vector{90, 7, 2})));
  CHECK(ends({}).second.empty());
}

TEST_CASE("decoding that an EncoderDecoder starts gives the logits of its model, and keeps the model alive") {
  auto module = make();
  auto model = std::dynamic_pointer_cast<EncoderDecoder>(module);
  const Batch batch;
  const auto expected =
      dynamic_cast<Seq2SeqImpl&>(*module).forward(batch.source, batch.lengths, batch.decoder_input).logits;
  const auto step = model->start(batch.source, batch.lengths, 4);
  model.reset(), module.reset();
  CHECK(torch::allclose(step->all_logits(batch.decoder_input), expected, 1e-5, 1e-6));
}

TEST_CASE("two readings of a batch agree without dropout, and with it have the divergence of their logits") {
  const Batch batch;
  const auto read = [&](EncoderDecoder& model) {
    return model.r_drop_sums(batch.source, batch.lengths, batch.decoder_input, batch.labels);
  };
  const auto plain = std::dynamic_pointer_cast<EncoderDecoder>(make());
  const auto loss = plain->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels);
  const auto agreed = read(*plain);
  CHECK(agreed.cross_entropy.item<double>() == Approx(2 * loss.item<double>()));
  CHECK(agreed.divergence.item<double>() == Approx(0).margin(1e-6));

  auto config = Seq2SeqConfig::preset("luong");
  config.source_vocab_size = 12, config.target_vocab_size = 11;
  config.embedding_size = config.hidden_size = 8;
  config.dropout = 0.5;
  Seq2Seq model(config);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.normal_();
  }
  model->train();
  torch::manual_seed(4);
  const auto sums = read(*model);
  torch::manual_seed(4);
  const auto first = model->forward(batch.source, batch.lengths, batch.decoder_input).logits,
             second = model->forward(batch.source, batch.lengths, batch.decoder_input).logits;  // (B,T,V)
  double cross_entropy = 0, divergence = 0;
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t t = 0; t < 3; ++t) {
      const auto label = batch.labels[b][t].item<std::int64_t>();
      if (label < 0) continue;
      const auto p = first[b][t].softmax(0), q = second[b][t].softmax(0);
      cross_entropy -= (p[label].log() + q[label].log()).item<double>();
      divergence += ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()).item<double>() / 2;
    }
  }
  CHECK(divergence > 0.01);
  CHECK(sums.cross_entropy.item<double>() == Approx(cross_entropy).epsilon(1e-5));
  CHECK(sums.divergence.item<double>() == Approx(divergence).epsilon(1e-4));
}

TEST_CASE("an EncoderDecoder writes a folder that opens as the same model") {
  const TempDir dir;
  const auto model = std::dynamic_pointer_cast<EncoderDecoder>(make());
  model->save_pretrained(dir / "model");
  const auto read = std::dynamic_pointer_cast<EncoderDecoder>(
      registered_model(dir / "model").load(dir / "model", nullptr, PretrainedOptions()));
  REQUIRE(read);
  const Batch batch;
  CHECK(torch::equal(read->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels),
                     model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels)));
}

}  // namespace langzoo::test::encoder_decoder_test
