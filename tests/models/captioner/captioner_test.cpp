#include "tests/support/test.h"

#include <torch/optim.h>

#include "models/captioner/captioner.h"
#include "models/generation/beam_search.h"
#include "models/io/safetensors.h"

namespace langzoo::test::captioner_test {

namespace {

const char* const kGoldens[] = {"show_attend_tell", "show_tell", "vit_transformer"};

CaptionerConfig small(const std::string& encoder, const std::string& decoder, const std::string& attention) {
  CaptionerConfig config;
  config.vocab_size = 11;
  config.image_size = 12;
  config.patch_size = 4;
  config.hidden_size = 8;
  config.num_heads = 2;
  config.encoder = encoder;
  config.decoder = decoder;
  config.attention = attention;
  config.encoder_layers = 1;
  config.max_position_embeddings = 7;
  config.dropout = 0;
  return config;
}

std::vector<CaptionerConfig> all_small() {
  return {small("cnn", "lstm", "additive"), small("cnn", "gru", "none"), small("vit", "lstm", "dot"),
          small("vit", "transformer", "none"), small("cnn", "gru", "general")};
}

Captioner made(const CaptionerConfig& config, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  Captioner model(config);
  model->eval();
  return model;
}

torch::Tensor pictures(std::int64_t B, std::int64_t D = 12) {
  return torch::randint(256, {B, 3 * D * D}).to(torch::kUInt8);
}

}  // namespace

TEST_CASE("captioners equal the equations written out: logits, attention, loss and gradients") {
  for (const std::string variant : kGoldens) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      INFO(variant << " " << c10::toString(dtype));
      const auto golden = load_safetensors(fixture("captioner/" + variant + "/golden.safetensors"));
      auto model = from_pretrained<Captioner>(fixture("captioner/" + variant), nullptr, {.dtype = dtype});
      const auto &source = golden["source"], &input = golden["decoder_input"], &labels = golden["labels"];
      const auto kept = labels.ne(-100).unsqueeze(2);
      const auto logits = model->start(source, {}, input.size(1))->all_logits(input);
      CHECK(max_difference(logits * kept, golden["logits"]) < 1e-4);
      const auto attention = model->attention(source, {}, input);
      REQUIRE(attention.defined() == golden.contains("attention"));
      if (attention.defined()) CHECK(max_difference(attention * kept, golden["attention"]) < 1e-5);

      model->train();
      const auto loss = model->loss_sum(source, {}, input, labels);
      CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
      loss.backward();
      for (const auto& item : model->named_parameters()) {
        INFO(item.key());
        const auto& gradient = item.value().grad();
        CHECK(max_difference(gradient.defined() ? gradient : torch::zeros_like(item.value()),
                             golden["grad." + item.key()]) < 1e-3);
      }
    }
  }
}

TEST_CASE("parts are rows of the picture from the top, whatever encodes them") {
  for (const std::string encoder : {"cnn", "vit"}) {
    auto config = small(encoder, "gru", "none");
    config.image_size = 32;
    auto model = made(config);
    CHECK(model->encode(pictures(2, 32)).sizes() == torch::IntArrayRef({2, 64, 8}));
    if (encoder == "vit") continue;
    // What lies in the upper right corner moves the first row's last part, and none that is far from it.
    auto picture = torch::zeros({1, 3, 32, 32}, torch::kUInt8);
    const auto before = model->encode(picture.flatten(1));
    picture.slice(2, 0, 2).slice(3, 30).fill_(255);
    const auto moved = (model->encode(picture.flatten(1)) - before).abs().sum(2)[0];
    CHECK(moved[7].item<double>() > 0);
    CHECK(moved[0].item<double>() == 0);
    CHECK(moved[56].item<double>() == 0);
  }
}

TEST_CASE("step by step is all at once; neither padding nor other rows change a row") {
  for (const auto& config : all_small()) {
    INFO(config.encoder << " " << config.decoder << " " << config.attention);
    auto model = made(config);
    const auto source = pictures(3);
    const auto input = torch::randint(3, 11, {3, 5});
    const auto all = model->start(source, {}, 5)->all_logits(input);
    CHECK(all.sizes() == torch::IntArrayRef({3, 5, 11}));
    const auto step = model->start(source, {}, 5);
    for (std::int64_t t = 0; t < 5; ++t)
      CHECK(max_difference(step->step(input.narrow(1, t, 1)), all.select(1, t)) < 1e-5);
    const auto alone = model->start(source.narrow(0, 1, 1), {}, 5)->all_logits(input.narrow(0, 1, 1));
    CHECK(max_difference(alone[0], all[1]) < 1e-5);
    // A row whose labels end early has the loss of the row by itself.
    auto labels = torch::randint(3, 11, {3, 5});
    labels[1].slice(0, 2).fill_(-100);
    double sum = 0;
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto T = b == 1 ? 2 : 5;
      sum += model
                 ->loss_sum(source.narrow(0, b, 1), {}, input.narrow(0, b, 1).narrow(1, 0, T),
                            labels.narrow(0, b, 1).narrow(1, 0, T))
                 .item<double>();
    }
    CHECK(model->loss_sum(source, {}, input, labels).item<double>() == Approx(sum).epsilon(1e-5));
    const auto attention = model->attention(source, {}, input);
    CHECK(attention.defined() == (config.attention != "none" || config.decoder == "transformer"));
    if (attention.defined()) {
      CHECK(attention.sizes() == torch::IntArrayRef({3, 5, 9}));
      CHECK(max_difference(attention.sum(2), torch::ones({3, 5})) < 1e-5);
      CHECK(max_difference(step->attention(), attention.select(1, 4)) < 1e-5);
    }
  }
}

TEST_CASE("beams and reordered rows read their own pictures") {
  for (const auto& config : all_small()) {
    INFO(config.encoder << " " << config.decoder << " " << config.attention);
    auto model = made(config);
    const auto source = pictures(2);
    const auto ids = torch::tensor({{1}, {1}});
    const auto step = model->start(source, {}, 4);
    step->step(ids);
    step->reorder(torch::tensor({1, 1, 0}));
    const auto next = torch::tensor({{5}, {6}, {5}});
    const auto logits = step->step(next);
    const auto wanted = model->start(source, {}, 4)->all_logits(torch::tensor({{1, 5}, {1, 6}}));
    CHECK(max_difference(logits[1], wanted[1][1]) < 1e-5);
    CHECK(max_difference(logits[2], wanted[0][1]) < 1e-5);
    BeamSearchOptions options;
    options.num_beams = 3, options.max_new_tokens = 4, options.eos_token_ids = {2};
    const std::vector<std::vector<std::int32_t>> starts = {{1}, {1}};
    const auto found = beam_search(*model->start(source, {}, 4), pad_left(starts, 1), options);
    CHECK(found.size() == 2);
  }
}

TEST_CASE("a captioner comes back from its folder") {
  for (const auto& config : all_small()) {
    const TempDir dir;
    auto model = made(config);
    model->save_pretrained(dir.path());
    auto loaded = from_pretrained<Captioner>(dir.path());
    const auto source = pictures(2);
    const auto input = torch::randint(3, 11, {2, 3});
    CHECK(
        torch::equal(loaded->start(source, {}, 3)->all_logits(input), model->start(source, {}, 3)->all_logits(input)));
  }
}

TEST_CASE("captioners learn a batch by heart") {
  for (const auto& config : {small("cnn", "lstm", "additive"), small("vit", "transformer", "none")}) {
    INFO(config.encoder << " " << config.decoder << " " << config.attention);
    auto model = made(config);
    model->train();
    const auto source = pictures(4);
    const auto labels = torch::randint(3, 11, {4, 4});
    const auto input = torch::cat({torch::ones({4, 1}, torch::kInt64), labels.narrow(1, 0, 3)}, 1);
    torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(0.03));
    double loss = 0;
    for (int step = 0; step < 60; ++step) {
      optimizer.zero_grad();
      const auto sum = model->loss_sum(source, {}, input, labels);
      sum.backward();
      optimizer.step();
      loss = sum.item<double>() / 16;
    }
    CHECK(loss < 1);  // ln 11 at first
  }
}

TEST_CASE("what a captioner cannot be is refused by name") {
  const auto refused = [](const auto& change, const std::string& message) {
    auto config = small("cnn", "lstm", "additive");
    change(config);
    CHECK_THROWS_WITH(Captioner(config), Catch::Contains(message));
  };
  refused([](auto& c) { c.image_size = 10; }, "image_size = 10 must be a multiple of patch_size = 4");
  refused([](auto& c) { c.patch_size = 3; }, "patch_size = 3 must be a power of 2 where encoder = cnn");
  refused([](auto& c) { c.encoder = "vit", c.hidden_size = 9; }, "hidden_size = 9");
  refused([](auto& c) { c.decoder = "transformer", c.num_heads = 3; }, "num_heads = 3");
  refused([](auto& c) { c.encoder = "clip"; }, "encoder = \"clip\" must be one of cnn, vit");
  refused([](auto& c) { c.decoder_start_token_id = 11; }, "decoder_start_token_id = 11");
  refused([](auto& c) { c.eos_token_id = {11}; }, "eos_token_id");
  refused([](auto& c) { c.vocab_size = 0; }, "vocab_size = 0");
  auto model = made(small("cnn", "lstm", "additive"));
  CHECK_THROWS_WITH(model->encode(pictures(1, 8)), Catch::Contains("3 x 12 x 12"));
  const auto ids = torch::ones({2, 3}, torch::kInt64);
  CHECK_THROWS_WITH(model->loss_sum(pictures(1), {}, ids, ids), Catch::Contains("1 pictures"));
  model->train();
  CHECK_THROWS_WITH(model->start(pictures(1), {}, 3), Catch::Contains("eval()"));
}

}  // namespace langzoo::test::captioner_test
