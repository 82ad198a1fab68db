#include "tests/support/test.h"

#include "models/io/safetensors.h"
#include "models/seq2seq/seq2seq.h"

namespace langzoo::test {
namespace {

const char* const kVariants[] = {"plain",        "peeky",   "bahdanau",      "additive", "luong_dot",  "luong_general",
                                 "luong_concat", "local_p", "input_feeding", "gnmt",     "shared_tied"};

}  // namespace

TEST_CASE("encoder-decoders equal the papers' equations: logits, attention, loss and gradients") {
  for (const std::string variant : kVariants) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      INFO(variant << " " << c10::toString(dtype));
      const auto golden = load_safetensors(fixture("seq2seq/" + variant + "/golden.safetensors"));
      auto model = from_pretrained<Seq2Seq>(fixture("seq2seq/" + variant), nullptr, {.dtype = dtype});
      const auto &source = golden["source"], &lengths = golden["source_lengths"], &input = golden["decoder_input"],
                 &labels = golden["labels"];
      const auto output = model->forward(source, lengths, input);
      const auto kept = labels.ne(-100).unsqueeze(2);
      CHECK(max_difference(output.logits * kept, golden["logits"]) < 1e-5);
      REQUIRE(output.attention.defined() == golden.contains("attention"));
      if (output.attention.defined()) CHECK(max_difference(output.attention * kept, golden["attention"]) < 1e-5);

      model->train();
      const auto loss = model->loss_sum(source, lengths, input, labels);
      CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
      loss.backward();
      for (const auto& item : model->named_parameters()) {
        INFO(item.key());
        const auto& gradient = item.value().grad();  // none where nothing looks: a topmost forward direction
        CHECK(max_difference(gradient.defined() ? gradient : torch::zeros_like(item.value()),
                             golden["grad." + item.key()]) < 2e-5);
      }
    }
  }
}

}  // namespace langzoo::test
