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

std::shared_ptr<torch::nn::Module> make(std::optional<std::int64_t> eos = 2) {
  auto config = Seq2SeqConfig::preset("luong");
  config.source_vocab_size = 12, config.target_vocab_size = 11;
  config.embedding_size = config.hidden_size = 8;
  config.eos_token_id = eos;
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
  CHECK_FALSE(std::dynamic_pointer_cast<EncoderDecoder>(make(std::nullopt))->end_token());

  const Batch batch;
  const auto output = seq2seq.forward(batch.source, batch.lengths, batch.decoder_input);
  const auto expected =
      at::cross_entropy_loss(output.logits.reshape({-1, 11}), batch.labels.flatten(), {}, at::Reduction::Sum, -100);
  CHECK(model->loss_sum(batch.source, batch.lengths, batch.decoder_input, batch.labels).item<double>() ==
        Approx(expected.item<double>()));
  CHECK(torch::equal(model->attention(batch.source, batch.lengths, batch.decoder_input), output.attention));
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
