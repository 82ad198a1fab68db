#include "tests/support/test.h"

#include <cmath>

#include <torch/optim.h>

#include "models/generation/generate.h"
#include "models/image_tokens/image_tokens.h"
#include "models/optim/autocast.h"

namespace langzoo::test::image_tokens_test {

namespace {

ImageTokensConfig small() {
  ImageTokensConfig config;
  config.vocab_size = 9;
  config.image_size = 8;
  config.codes = 7;
  config.code_size = 3;
  config.hidden_size = 6;
  config.max_text = 5;
  config.n_embd = 8, config.n_layer = 2, config.n_head = 2;
  return config;
}

/// One that has codes: as training gives them.
ImageTokens made(const ImageTokensConfig& config = small()) {
  torch::manual_seed(1);
  ImageTokens model(config);
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 3; ++i) model->vae->loss_sum(torch::randint(256, {8, 192}).to(torch::kUInt8));
  model->eval();
  return model;
}

torch::Tensor pictures(std::int64_t B) {
  return torch::randint(256, {B, 192}).to(torch::kUInt8);
}

/// What the encoder makes of pictures, by the layers themselves. Shapes: (B,192) -> (B P, E).
torch::Tensor vectors_of(ImageTokens& model, const torch::Tensor& pixels) {
  auto& vae = *model->vae;
  const auto x = pixels.view({-1, 3, 8, 8}).to(torch::kFloat32) / 127.5 - 1;
  return vae.to_code(vae.mix(vae.patches(x).relu()).relu()).permute({0, 2, 3, 1}).reshape({-1, 3});
}

}  // namespace

TEST_CASE("a part's code is the nearest, and a code's picture that of its vector") {
  auto model = made();
  const auto pixels = pictures(3);
  const auto codes = model->vae->encode(pixels);
  REQUIRE(codes.sizes() == torch::IntArrayRef({3, 4}));
  const auto z = vectors_of(model, pixels);
  for (std::int64_t n = 0; n < z.size(0); ++n) {
    double least = 1e9;
    std::int64_t nearest = -1;
    for (std::int64_t k = 0; k < 7; ++k) {
      const auto distance = (z[n] - model->vae->codebook[k]).square().sum().item<double>();
      if (distance < least) least = distance, nearest = k;
    }
    CHECK(codes.flatten()[n].item<std::int64_t>() == nearest);
  }
  const auto again = model->vae->decode(codes);
  CHECK(again.sizes() == torch::IntArrayRef({3, 192}));
  CHECK(again.scalar_type() == torch::kUInt8);
  CHECK(torch::equal(model->vae->decode(codes.narrow(0, 1, 1))[0], again[1]));
}

TEST_CASE("codes are running means of what is nearest to them; a forgotten one begins where it is needed") {
  auto model = made();
  auto& vae = *model->vae;
  model->train();
  const auto pixels = pictures(4);
  const auto z = vectors_of(model, pixels).detach();
  const auto codes = vae.encode(pixels).flatten();
  auto counts = vae.code_counts.clone(), sums = vae.code_sums.clone();
  for (std::int64_t k = 0; k < 7; ++k) {
    const auto chosen = codes.eq(k).nonzero().squeeze(1);
    counts[k] = 0.97 * counts[k] + 0.03 * static_cast<double>(chosen.numel());
    sums[k] = 0.97 * sums[k] + 0.03 * z.index_select(0, chosen).sum(0);
  }
  REQUIRE(counts.min().item<double>() > 0.1);
  vae.loss_sum(pixels);
  CHECK(max_difference(vae.code_counts, counts) < 1e-5);
  CHECK(max_difference(vae.codebook, sums / counts.unsqueeze(1)) < 1e-5);

  vae.code_counts[2] = 0.01;
  vae.codebook[2] = 1000;
  const auto distances = torch::cdist(vectors_of(model, pixels).detach(), vae.codebook).amin(1);
  const auto farthest = vectors_of(model, pixels).detach()[distances.argmax()];
  vae.loss_sum(pixels);
  CHECK(max_difference(vae.codebook[2], farthest) < 1e-4);

  const auto before = vae.codebook.clone();
  model->eval();
  vae.loss_sum(pixels);
  CHECK(torch::equal(vae.codebook, before));  // evaluation moves nothing
}

TEST_CASE("the gradient passes straight through the codes") {
  auto model = made();
  auto& vae = *model->vae;
  const auto pixels = pictures(2);
  vae.loss_sum(pixels).backward();
  // By hand: the decoder's gradient at the codes' vectors is the encoder's, and beside it the commitment's.
  auto z = vectors_of(model, pixels);
  const auto q = vae.codebook.index_select(0, vae.encode(pixels).flatten()).requires_grad_();
  const auto target = pixels.view({2, 3, 8, 8}).to(torch::kFloat32) / 127.5 - 1;
  const auto grid = q.view({2, 2, 2, 3}).permute({0, 3, 1, 2});
  const auto error = (vae.pixels(vae.spread(vae.from_code(grid).relu()).relu()) - target).square().sum();
  const auto at_codes = torch::autograd::grad({error}, {q})[0];
  const auto commitment = 0.25 * (z - q.detach()).square().mean() * static_cast<double>(target.numel());
  const auto weight = vae.to_code->weight;
  const auto wanted =
      torch::autograd::grad({(z * at_codes).sum() + commitment}, {weight}, {}, /*retain_graph=*/true)[0];
  CHECK(max_difference(weight.grad(), wanted) < 1e-3);
  CHECK(vae.loss_sum(pixels).item<double>() == Approx((error + commitment).item<double>()).epsilon(1e-5));
  // Without codes it is a plain autoencoder.
  const auto plain = vae.pixels(vae.spread(vae.from_code(z.view({2, 2, 2, 3}).permute({0, 3, 1, 2})).relu()).relu());
  CHECK(vae.loss_sum(pixels, false).item<double>() == Approx((plain - target).square().sum().item<double>()));
}

TEST_CASE("the autoencoder is the same under autocast") {
  auto model = made();
  const auto pixels = pictures(64);
  const auto codes = model->vae->encode(pixels), again = model->vae->decode(codes);
  const auto loss = model->vae->loss_sum(pixels);
  const AutocastGuard guard(torch::kCPU, torch::kBFloat16);
  CHECK(torch::equal(model->vae->encode(pixels), codes));
  CHECK(torch::equal(model->vae->decode(codes), again));
  CHECK(torch::equal(model->vae->loss_sum(pixels), loss));
}

TEST_CASE("captions stand in their places") {
  auto model = made();
  CHECK(torch::equal(model->text_rows({{4, 5}, {6}, {3, 4, 5, 6}}),
                     torch::tensor({{4, 5, 2, 0, 0}, {6, 2, 0, 0, 0}, {3, 4, 5, 6, 2}})));
  CHECK_THROWS_WITH(model->text_rows({{3, 4, 5, 6, 7}}), Catch::Contains("5 tokens; max_text = 5 leaves room for 4"));
}

TEST_CASE("the losses are those of the tokens of captions and of pictures") {
  auto model = made();
  const auto text = model->text_rows({{4, 5}, {6, 7, 8}});
  const auto pixels = pictures(2);
  const auto loss = model->language_loss(text, pixels);
  const auto codes = model->vae->encode(pixels) + 9;
  const auto ids = torch::cat({text, codes}, 1);
  const auto log_p = model->lm->forward(ids.narrow(1, 0, 8)).logits.log_softmax(-1);
  double of_text = 0, of_image = 0;
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t t = 0; t < 8; ++t) {
      const auto target = ids[b][t + 1].item<std::int64_t>();
      const auto nats = -log_p[b][t][target].item<double>();
      if (t >= 4) {
        of_image += nats;
      } else if (t < 2 + b) {  // the last of them is the end
        of_text += nats;
      }
    }
  }
  CHECK(loss.text.item<double>() == Approx(of_text).epsilon(1e-5));
  CHECK(loss.image.item<double>() == Approx(of_image).epsilon(1e-5));
  loss.image.backward();
  for (const auto& parameter : model->vae->parameters()) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("drawing steps give the logits of codes") {
  auto model = made();
  const auto text = model->text_rows({{4, 5}, {6}});
  const auto codes = torch::randint(7, {2, 4});
  const auto step = model->start(2);
  auto all = model->lm->forward(torch::cat({text, codes + 9}, 1)).logits.slice(2, 9);
  CHECK(max_difference(step->step(text), all.select(1, 4)) < 1e-5);
  for (std::int64_t t = 0; t < 3; ++t)
    CHECK(max_difference(step->step(codes.narrow(1, t, 1)), all.select(1, 5 + t)) < 1e-5);
  CHECK(step->capacity() == 8);

  PaddedPrompts prompts{text, torch::ones_like(text, torch::kBool)};
  GenerateOptions options;
  options.max_new_tokens = 4;
  options.seed = 3;
  const auto drawn = generate(*model->start(2), prompts, options);
  CHECK(drawn == generate(*model->start(2), prompts, options));
  for (const auto& row : drawn) {
    CHECK(row.size() == 4);
    for (const auto code : row) CHECK((code >= 0 && code < 7));
  }
  model->train();
  CHECK_THROWS_WITH(model->start(1), Catch::Contains("eval()"));
}

TEST_CASE("a model of image tokens comes back from its folder, its codes too") {
  const TempDir dir;
  auto model = made();
  model->save_pretrained(dir.path());
  auto loaded = from_pretrained<ImageTokens>(dir.path());
  const auto pixels = pictures(2);
  CHECK(torch::equal(loaded->vae->codebook, model->vae->codebook));
  CHECK(torch::equal(loaded->vae->encode(pixels), model->vae->encode(pixels)));
  const auto text = model->text_rows({{4}, {5}});
  CHECK(loaded->language_loss(text, pixels).image.item<double>() ==
        model->language_loss(text, pixels).image.item<double>());
}

TEST_CASE("an autoencoder and a language model learn a few pictures") {
  auto config = small();
  config.hidden_size = 16, config.code_size = 8, config.codes = 16;
  torch::manual_seed(2);
  ImageTokens model(config);
  // Four pictures of one dark part each.
  auto pixels = torch::full({4, 3, 8, 8}, 255, torch::kUInt8);
  for (std::int64_t i = 0; i < 4; ++i)
    pixels[i].slice(1, 4 * (i / 2), 4 * (i / 2) + 4).slice(2, 4 * (i % 2), 4 * (i % 2) + 4).fill_(0);
  pixels = pixels.flatten(1);
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(0.01));
  const auto learn = [&](int steps, const auto& loss) {
    for (int step = 0; step < steps; ++step) {
      optimizer.zero_grad();
      loss(step).backward();
      optimizer.step();
    }
  };
  learn(150, [&](int step) { return model->vae->loss_sum(pixels, step > 40) / 768; });
  const auto text = model->text_rows({{3}, {4}, {5}, {6}});
  learn(150, [&](int) { return model->language_loss(text, pixels).image / 16; });
  model->eval();
  const auto again = model->vae->decode(model->vae->encode(pixels));
  CHECK((again.to(torch::kFloat32) - pixels.to(torch::kFloat32)).abs().mean().item<double>() < 8);
  PaddedPrompts prompts{text, torch::ones_like(text, torch::kBool)};
  GenerateOptions options;
  options.max_new_tokens = 4;
  options.sampling.greedy = true;
  std::vector<torch::Tensor> codes;
  for (const auto& row : generate(*model->start(4), prompts, options))
    codes.push_back(torch::tensor(row, torch::kInt64));
  CHECK(torch::equal(model->vae->decode(torch::stack(codes)), again));
}

TEST_CASE("what a model of image tokens cannot be is refused by name") {
  const auto refused = [](const auto& change, const std::string& message) {
    auto config = small();
    change(config);
    CHECK_THROWS_WITH(ImageTokens(config), Catch::Contains(message));
  };
  refused([](auto& c) { c.image_size = 10; }, "image_size = 10 must be a multiple of patch_size = 4");
  refused([](auto& c) { c.n_head = 3; }, "n_embd = 8 must be a multiple of n_head = 3");
  refused([](auto& c) { c.pad_token_id = 9; }, "pad_token_id = 9");
  refused([](auto& c) { c.code_decay = 1; }, "code_decay = 1");
  refused([](auto& c) { c.eos_token_id = {9}; }, "eos_token_id");
  auto model = made();
  CHECK_THROWS_WITH(model->vae->encode(torch::zeros({1, 48}, torch::kUInt8)), Catch::Contains("3 x 8 x 8"));
}

}  // namespace langzoo::test::image_tokens_test
