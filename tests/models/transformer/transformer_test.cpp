#include "tests/support/test.h"

#include <cmath>
#include <functional>

#include <torch/optim/adam.h>

#include "models/io/safetensors.h"
#include "models/layers/init.h"
#include "models/optim/autocast.h"
#include "models/transformer/transformer.h"

namespace langzoo::test::transformer_test {
namespace {

using torch::Tensor;

/// Both norm orders, all positions, gated and not, all ties, unequal sides.
const char* const kWirings[] = {"marian", "paper", "pre_norm", "learned_gated", "separate", "shared_untied", "untied"};

TransformerConfig small(const std::string& wiring) {
  auto config = TransformerConfig::preset("tiny");
  config.vocab_size = 13;
  config.d_model = 8;
  config.encoder_attention_heads = config.decoder_attention_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 12;
  config.max_position_embeddings = 10;
  config.dropout = 0.0;
  config.initializer = "normal";
  config.init_std = 0.4;
  config.eos_token_id = {2};
  config.forced_eos_token_id.clear();
  config.pad_token_id = 0;
  config.decoder_start_token_id = 1;
  if (wiring == "paper") config.position_embedding_type = "interleaved";
  if (wiring == "pre_norm") config.normalize_before = true;
  if (wiring == "learned_gated") {
    config.normalize_before = config.gated_feed_forward = true;
    config.position_embedding_type = "learned";
    config.activation_function = "silu";
    config.scale_embedding = false;
  }
  if (wiring == "separate") {
    config.share_encoder_decoder_embeddings = false;
    config.decoder_vocab_size = 11;
    config.encoder_layers = 1;
    config.decoder_layers = 3;
    config.decoder_attention_heads = 4;
    config.decoder_ffn_dim = 9;
  }
  if (wiring == "shared_untied") config.tie_word_embeddings = false;
  if (wiring == "untied") config.share_encoder_decoder_embeddings = config.tie_word_embeddings = false;
  return config;
}

TransformerMtModel small_model(const std::string& wiring) {
  torch::manual_seed(1);
  TransformerMtModel model(small(wiring));
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.add_(torch::randn_like(parameter), 0.1);
  model->final_logits_bias.normal_();
  return model;
}

std::int64_t parameters_of(TransformerConfig config, std::int64_t vocab_size) {
  const SkipInit skip;
  config.vocab_size = vocab_size;
  config.pad_token_id.reset();
  config.decoder_start_token_id = 0;
  std::int64_t count = 0;
  for (const auto& parameter : TransformerMtModel(config)->parameters()) count += parameter.numel();
  return count;
}

struct Batch {
  Tensor source = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
  Tensor lengths = torch::tensor({5, 2, 3});
  Tensor decoder_input = torch::tensor({{1, 5, 6, 7}, {1, 8, 0, 0}, {1, 3, 3, 0}});
  Tensor labels = torch::tensor({{5, 6, 7, 2}, {8, 2, -100, -100}, {3, 3, 2, -100}});
};

}  // namespace

TEST_CASE("parameter counts are the papers'") {
  // Vaswani et al. have no biases in the attention: 18 layers of 4 C less than here, 63,045,632 and 214,171,648.
  CHECK(parameters_of(TransformerConfig::preset("base"), 37000) == 63'045'632 + 18 * 4 * 512);
  CHECK(parameters_of(TransformerConfig::preset("big"), 37000) == 214'171'648 + 18 * 4 * 1024);
  // C (V + enc (4C + 2F + 9) + dec (8C + 2F + 15)) + F (enc + dec)
  const auto expected = [](std::int64_t C, std::int64_t L, std::int64_t F, std::int64_t V) {
    return C * (V + L * (4 * C + 2 * F + 9) + L * (8 * C + 2 * F + 15)) + 2 * L * F;
  };
  CHECK(parameters_of(TransformerConfig::preset("iwslt"), 10000) == expected(512, 6, 1024, 10000));
  CHECK(parameters_of(TransformerConfig::preset("iwslt-small"), 8000) == expected(256, 3, 1024, 8000));
  CHECK(parameters_of(TransformerConfig::preset("tiny"), 300) == expected(64, 2, 256, 300));
}

TEST_CASE("a row's result depends on neither padding nor neighbours") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    model->eval();
    const auto V = model->target_vocab_size();
    const auto source = batch.source.clamp_max(10);
    const auto together = model->forward(source, batch.lengths, batch.decoder_input);
    const auto attention = model->attention(source, batch.lengths, batch.decoder_input);
    CHECK(together.sizes() == torch::IntArrayRef({3, 4, V}));
    REQUIRE(attention.sizes() == torch::IntArrayRef({3, 4, 5}));
    const auto padding = torch::arange(5).unsqueeze(0) >= batch.lengths.unsqueeze(1);
    const auto junk = at::cat({source.masked_fill(padding, 9), torch::full({3, 2}, 7, torch::kInt64)}, 1);
    CHECK(max_difference(model->forward(junk, batch.lengths, batch.decoder_input), together) < 1e-5);
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto n = batch.lengths[b].item<std::int64_t>(), t = 3 - b;
      const auto own = source.narrow(0, b, 1).narrow(1, 0, n), length = batch.lengths.narrow(0, b, 1),
                 input = batch.decoder_input.narrow(0, b, 1).narrow(1, 0, t);
      CHECK(max_difference(model->forward(own, length, input)[0], together[b].narrow(0, 0, t)) < 1e-5);
      CHECK(max_difference(model->attention(own, length, input)[0], attention[b].narrow(0, 0, t).narrow(1, 0, n)) <
            1e-5);
      CHECK(attention[b].narrow(1, n, 5 - n).eq(0).all().item<bool>());
      CHECK(max_difference(attention[b].sum(-1), torch::ones({4})) < 1e-5);
    }
  }
}

TEST_CASE("a decoder's token changes nothing before it, a source's token everything") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    const auto source = batch.source.clamp_max(10);
    const auto before = model->forward(source, batch.lengths, batch.decoder_input);
    auto input = batch.decoder_input.clone();
    input.select(1, 2).fill_(9);
    const auto after = model->forward(source, batch.lengths, input);
    CHECK(max_difference(before.narrow(1, 0, 2), after.narrow(1, 0, 2)) < 1e-6);
    CHECK(max_difference(before.narrow(1, 2, 1), after.narrow(1, 2, 1)) > 1e-3);
    auto other = source.clone();
    other[0][4] = 8;
    const auto moved = model->forward(other, batch.lengths, batch.decoder_input);
    CHECK((before - moved)[0].abs().amax(-1).gt(1e-4).all().item<bool>());
    CHECK(max_difference(before.narrow(0, 1, 2), moved.narrow(0, 1, 2)) < 1e-6);
  }
}

TEST_CASE("one token on each side is enough") {
  for (const std::string wiring : kWirings) {
    auto model = small_model(wiring);
    const auto one = torch::tensor({{3}});
    const auto logits = model->forward(one, torch::tensor({1}), one);
    CHECK(logits.sizes() == torch::IntArrayRef({1, 1, model->target_vocab_size()}));
    CHECK(torch::isfinite(logits).all().item<bool>());
  }
}

TEST_CASE("a Transformer's loss_sum is the cross-entropy of forward's logits") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    const auto source = batch.source.clamp_max(10);
    const auto logits = model->forward(source, batch.lengths, batch.decoder_input);
    const auto expected = at::cross_entropy_loss(logits.flatten(0, 1), batch.labels.flatten(), {}, at::Reduction::Sum);
    const auto loss = model->loss_sum(source, batch.lengths, batch.decoder_input, batch.labels);
    CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
    const auto none = torch::full_like(batch.labels, -100);
    CHECK(model->loss_sum(source, batch.lengths, batch.decoder_input, none).item<double>() == 0.0);
  }
}

TEST_CASE("a Transformer trains on packed rows as on padded ones") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    const auto source = batch.source.clamp_max(10);
    const auto gradients = [&](torch::Dtype dtype) {  // float64 is padded
      auto model = small_model(wiring);
      model->to(dtype);
      const auto loss = model->loss_sum(source, batch.lengths, batch.decoder_input, batch.labels);
      return torch::autograd::grad({loss}, model->parameters());
    };
    const auto packed = gradients(torch::kFloat32), padded = gradients(torch::kFloat64);
    for (std::size_t i = 0; i < packed.size(); ++i)
      CHECK(max_difference(packed[i], padded[i]) < 1e-4 * (1 + padded[i].abs().max().item<double>()));
  }
}

TEST_CASE("a Transformer's gradients agree with finite differences") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    auto model = small_model(wiring);
    model->to(torch::kFloat64);
    const auto source = batch.source.clamp_max(10);
    const auto loss = [&] { return model->loss_sum(source, batch.lengths, batch.decoder_input, batch.labels); };
    loss().backward();
    const torch::NoGradGuard no_grad;
    for (const auto& item : model->named_parameters()) {
      INFO(wiring << " " << item.key());
      const auto flat = item.value().view({-1}), gradient = item.value().grad().view({-1});
      // Row 0 of embeddings is the padding's, which by transformers' rule takes no gradient as an input.
      for (const auto place : {flat.numel() / 2, flat.numel() - 1}) {
        const double kept = flat[place].item<double>(), step = 1e-6;
        flat[place] = kept + step;
        const double above = loss().item<double>();
        flat[place] = kept - step;
        const double below = loss().item<double>();
        flat[place] = kept;
        CHECK(gradient[place].item<double>() == Approx((above - below) / (2 * step)).margin(1e-6).epsilon(1e-5));
      }
    }
  }
}

namespace {

using Matrix = std::vector<std::vector<double>>;

/// The parts of a Transformer as sums over single numbers.
class Loops {
 public:
  explicit Loops(TransformerMtModelImpl& model) : config_(model.config()) {
    for (const auto& item : model.named_parameters()) weights_[item.key()] = item.value().detach();
    weights_["final_logits_bias"] = model.final_logits_bias.squeeze(0);
  }

  Matrix log_probabilities(const std::vector<int>& source, const std::vector<int>& target) {
    auto x = embed("model.encoder.", source);
    for (int i = 0; i < config_.encoder_layers; ++i) {
      const auto layer = "model.encoder.layers." + std::to_string(i) + ".";
      x = add(x, layer + "self_attn_layer_norm.", [&](const Matrix& y) {
        return attention(y, y, layer + "self_attn.", static_cast<int>(config_.encoder_attention_heads), false);
      });
      x = add(x, layer + "final_layer_norm.", [&](const Matrix& y) { return feed_forward(y, layer); });
    }
    if (config_.normalize_before) x = norm(x, "model.encoder.layer_norm.");
    const auto memory = x;
    x = embed("model.decoder.", target);
    for (int i = 0; i < config_.decoder_layers; ++i) {
      const auto layer = "model.decoder.layers." + std::to_string(i) + ".";
      const auto heads = static_cast<int>(config_.decoder_attention_heads);
      x = add(x, layer + "self_attn_layer_norm.",
              [&](const Matrix& y) { return attention(y, y, layer + "self_attn.", heads, true); });
      x = add(x, layer + "encoder_attn_layer_norm.",
              [&](const Matrix& y) { return attention(y, memory, layer + "encoder_attn.", heads, false); });
      x = add(x, layer + "final_layer_norm.", [&](const Matrix& y) { return feed_forward(y, layer); });
    }
    if (config_.normalize_before) x = norm(x, "model.decoder.layer_norm.");
    const auto head = config_.tie_word_embeddings ? tokens("model.decoder.") : "lm_head.weight";
    for (auto& row : x) {
      std::vector<double> logits;
      double sum = 0;
      for (int v = 0; v < config_.target_vocab_size(); ++v) {
        logits.push_back(at("final_logits_bias", v));
        for (int c = 0; c < config_.d_model; ++c) logits.back() += at(head, v, c) * row[c];
        sum += std::exp(logits.back());
      }
      for (auto& logit : logits) logit -= std::log(sum);
      row = logits;
    }
    return x;
  }

 private:
  double at(const std::string& name, int i) { return weights_.at(name)[i].item<double>(); }
  double at(const std::string& name, int i, int j) { return weights_.at(name)[i][j].item<double>(); }
  std::string tokens(const std::string& side) {
    return config_.share_encoder_decoder_embeddings ? "model.shared.weight" : side + "embed_tokens.weight";
  }

  Matrix embed(const std::string& side, const std::vector<int>& ids) {
    const int C = static_cast<int>(config_.d_model);
    Matrix x;
    for (int t = 0; t < static_cast<int>(ids.size()); ++t) {
      x.emplace_back();
      for (int c = 0; c < C; ++c) {
        double place = 0;
        if (config_.position_embedding_type == "learned") {
          place = at(side + "embed_positions.weight", t, c);
        } else {
          const bool halves = config_.position_embedding_type == "sinusoidal";
          const int pair = halves ? c % (C / 2) : c / 2;
          const bool sine = halves ? c < C / 2 : c % 2 == 0;
          const double angle = t / std::pow(10000.0, 2.0 * pair / C);
          place = sine ? std::sin(angle) : std::cos(angle);
        }
        x.back().push_back(at(tokens(side), ids[t], c) * (config_.scale_embedding ? std::sqrt(C) : 1.0) + place);
      }
    }
    return x;
  }

  Matrix linear(const Matrix& x, const std::string& name) {
    Matrix y;
    for (const auto& row : x) {
      y.emplace_back();
      for (int o = 0; o < weights_.at(name + "weight").size(0); ++o) {
        y.back().push_back(at(name + "bias", o));
        for (std::size_t c = 0; c < row.size(); ++c) y.back().back() += at(name + "weight", o, c) * row[c];
      }
    }
    return y;
  }

  Matrix norm(Matrix x, const std::string& name) {
    for (auto& row : x) {
      double mean = 0, variance = 0;
      for (const double value : row) mean += value / row.size();
      for (const double value : row) variance += (value - mean) * (value - mean) / row.size();
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] = (row[c] - mean) / std::sqrt(variance + 1e-5) * at(name + "weight", c) + at(name + "bias", c);
    }
    return x;
  }

  Matrix add(const Matrix& x, const std::string& name, const std::function<Matrix(const Matrix&)>& part) {
    const auto y = part(config_.normalize_before ? norm(x, name) : x);
    auto sum = x;
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t c = 0; c < x[t].size(); ++c) sum[t][c] += y[t][c];
    return config_.normalize_before ? sum : norm(sum, name);
  }

  Matrix attention(const Matrix& x, const Matrix& memory, const std::string& name, int heads, bool causal) {
    const auto q = linear(x, name + "q_proj."), k = linear(memory, name + "k_proj."),
               v = linear(memory, name + "v_proj.");
    const std::size_t K = q[0].size() / heads;
    Matrix y(x.size(), std::vector<double>(q[0].size()));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (int h = 0; h < heads; ++h) {
        const std::size_t seen = causal ? t + 1 : memory.size();
        std::vector<double> weights;
        double sum = 0;
        for (std::size_t s = 0; s < seen; ++s) {
          double score = 0;
          for (std::size_t c = h * K; c < (h + 1) * K; ++c) score += q[t][c] * k[s][c];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(K))));
          sum += weights.back();
        }
        for (std::size_t s = 0; s < seen; ++s)
          for (std::size_t c = h * K; c < (h + 1) * K; ++c) y[t][c] += weights[s] / sum * v[s][c];
      }
    }
    return linear(y, name + "out_proj.");
  }

  Matrix feed_forward(const Matrix& x, const std::string& layer) {
    auto inner = linear(x, layer + "fc1.");
    const auto gate = config_.gated_feed_forward ? linear(x, layer + "fc_gate.") : Matrix();
    for (std::size_t t = 0; t < inner.size(); ++t) {
      for (std::size_t f = 0; f < inner[t].size(); ++f) {
        double& value = inner[t][f];
        value = config_.activation_function == "relu" ? std::max(0.0, value) : value / (1 + std::exp(-value));
        if (config_.gated_feed_forward) value *= gate[t][f];
      }
    }
    return linear(inner, layer + "fc2.");
  }

  TransformerConfig config_;
  std::map<std::string, Tensor> weights_;
};

}  // namespace

TEST_CASE("every wiring equals its equations, written as loops") {
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    auto model = small_model(wiring);
    model->to(torch::kFloat64);
    const std::vector<int> source = {5, 3, 7, 9, 2}, target = {1, 5, 6, 7};
    const auto expected = Loops(*model).log_probabilities(source, target);
    const auto logprobs = model
                              ->forward(torch::tensor(source, torch::kInt64).unsqueeze(0), torch::tensor({5}),
                                        torch::tensor(target, torch::kInt64).unsqueeze(0))
                              .log_softmax(-1)[0];
    for (std::size_t t = 0; t < expected.size(); ++t)
      CHECK(max_difference(logprobs[t], torch::tensor(expected[t], torch::kFloat64)) < 1e-6);  // float32 sinusoids
  }
}

TEST_CASE("tied embeddings are one parameter, in every combination") {
  const auto names = [](const std::string& wiring) {
    std::vector<std::string> found;
    for (const auto& name : small_model(wiring)->named_parameters().keys())
      if (name.find("layers.") == std::string::npos) found.push_back(name);
    return found;
  };
  using Names = std::vector<std::string>;
  CHECK(names("marian") == Names{"model.shared.weight"});
  CHECK(names("shared_untied") == Names{"model.shared.weight", "lm_head.weight"});
  CHECK(names("separate") == Names{"model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"});
  CHECK(names("untied") ==
        Names{"model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"});
  for (const std::string wiring : {"marian", "separate"}) {
    auto model = small_model(wiring);
    model->to(torch::kFloat64);
    CHECK(model->lm_head->weight.is_same(model->model->decoder->embed_tokens->weight));
  }
}

TEST_CASE("what is saved loads as the same model, of the model_type that can express it") {
  const Batch batch;
  for (const std::string wiring : kWirings) {
    INFO(wiring);
    const TempDir dir;
    auto model = small_model(wiring);
    model->eval();
    model->save_pretrained(dir.path());
    const bool marian = wiring == "marian" || wiring == "separate" || wiring == "untied";
    CHECK(model_type_of(dir.path()) == (marian ? "marian" : "transformer"));
    LoadReport report;
    const std::shared_ptr<TransformerMtModelImpl> loaded =
        marian ? from_pretrained<MarianMtModel>(dir.path(), &report).ptr()
               : from_pretrained<TransformerMtModel>(dir.path(), &report).ptr();
    REQUIRE(loaded);
    CHECK(report.summary().empty());
    CHECK_FALSE(loaded->is_training());
    CHECK(write_fields(loaded->config()) == write_fields(model->config()));
    const auto source = batch.source.clamp_max(10);
    CHECK(torch::equal(loaded->forward(source, batch.lengths, batch.decoder_input),
                       model->forward(source, batch.lengths, batch.decoder_input)));
  }
}

TEST_CASE("old Marian files, which hold tied matrices under each name and the sinusoids, load") {
  const TempDir dir;
  auto model = small_model("marian");
  model->save_pretrained(dir.path());
  auto tensors = load_weights(dir.path());
  for (const auto* name : {"model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"})
    tensors.insert(name, tensors["model.shared.weight"].clone());
  for (const auto* name : {"model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"})
    tensors.insert(name, torch::zeros({10, 8}));
  save_safetensors(dir / "model.safetensors", tensors);
  LoadReport report;
  const auto loaded = from_pretrained<MarianMtModel>(dir.path(), &report);
  CHECK(report.untied.empty());
  CHECK(report.ignored.size() == 5);
  CHECK(loaded->lm_head->weight.is_same(loaded->model->shared->weight));

  // The softmax's matrix alone is enough where the target's embedding is not shared.
  auto separate = small_model("separate");
  separate->save_pretrained(dir.path());
  tensors = load_weights(dir.path());
  tensors.insert("lm_head.weight", tensors["model.decoder.embed_tokens.weight"].clone());
  tensors.erase("model.decoder.embed_tokens.weight");
  save_safetensors(dir / "model.safetensors", tensors);
  CHECK(torch::equal(from_pretrained<MarianMtModel>(dir.path())->lm_head->weight, separate->lm_head->weight));
}

TEST_CASE("a folder that says marian and is not is refused") {
  const TempDir dir;
  auto model = small_model("pre_norm");
  save_pretrained(*model, model->config(), MarianMtModelImpl::pretrained_traits(), dir.path());
  CHECK_THROWS_WITH(from_pretrained<MarianMtModel>(dir.path()), Catch::Contains("normalize_before = false"));
}

TEST_CASE("dropouts and layer drop act in training only") {
  const Batch batch;
  const auto source = batch.source.clamp_max(10);
  const std::function<void(TransformerConfig&)> changes[] = {
      [](auto& c) { c.dropout = 0.3; }, [](auto& c) { c.attention_dropout = 0.3; },
      [](auto& c) { c.activation_dropout = 0.3; }, [](auto& c) { c.encoder_layerdrop = 0.5; },
      [](auto& c) { c.decoder_layerdrop = 0.5; }};
  for (const auto& change : changes) {
    auto config = small("marian");
    change(config);
    torch::manual_seed(1);
    TransformerMtModel model(config);
    const auto run = [&] { return model->forward(source, batch.lengths, batch.decoder_input); };
    const auto first = run();
    bool differs = false;
    for (int i = 0; i < 10; ++i) differs = differs || !run().equal(first);
    CHECK(differs);
    model->eval();
    torch::manual_seed(1);
    TransformerMtModel plain(small("marian"));
    plain->eval();
    CHECK(run().equal(run()));
    CHECK(run().equal(plain->forward(source, batch.lengths, batch.decoder_input)));
  }
}

TEST_CASE("initialisers follow their rules") {
  auto config = TransformerConfig::preset("tiny");
  config.vocab_size = 500;
  config.decoder_start_token_id = config.pad_token_id.emplace(499);
  torch::manual_seed(2);
  auto names = TransformerMtModel(config)->named_parameters();
  CHECK(names["model.shared.weight"].narrow(0, 0, 499).std().item<double>() == Approx(1.0 / 8).epsilon(0.05));
  CHECK(names["model.shared.weight"][499].eq(0).all().item<bool>());
  const auto& fc1 = names["model.encoder.layers.0.fc1.weight"];
  const double bound = std::sqrt(6.0 / (64 + 256));
  CHECK(fc1.abs().max().item<double>() <= bound);
  CHECK(fc1.std().item<double>() == Approx(bound / std::sqrt(3.0)).epsilon(0.05));
  CHECK(names["model.decoder.layers.1.encoder_attn.k_proj.bias"].eq(0).all().item<bool>());
  CHECK(names["model.decoder.layers.1.final_layer_norm.weight"].eq(1).all().item<bool>());
  config.initializer = "normal";
  config.position_embedding_type = "learned";
  names = TransformerMtModel(config)->named_parameters();
  CHECK(names["model.shared.weight"].std().item<double>() == Approx(0.02).epsilon(0.05));
  CHECK(names["model.encoder.layers.0.fc1.weight"].std().item<double>() == Approx(0.02).epsilon(0.05));
  CHECK(names["model.encoder.embed_positions.weight"].std().item<double>() == Approx(0.02).epsilon(0.05));
}

TEST_CASE("encoder and decoder work alone, the decoder with a cache and with padding on the left") {
  for (const std::string wiring : {"marian", "learned_gated"}) {
    INFO(wiring);
    torch::manual_seed(3);
    TransformerEncoder encoder(small(wiring));
    encoder->eval();
    CHECK(encoder->named_parameters().contains("embed_tokens.weight"));
    CHECK(encoder(torch::tensor({{3, 4, 5}})).sizes() == torch::IntArrayRef({1, 3, 8}));

    TransformerDecoder decoder(small(wiring), nullptr, /*cross_attention=*/false);
    decoder->eval();
    for (const auto& name : decoder->named_parameters().keys()) CHECK(name.find("encoder_attn") == std::string::npos);
    const torch::NoGradGuard no_grad;
    const auto ids = torch::tensor({{3, 4, 5, 6, 7}, {8, 9, 10, 3, 4}});
    const auto full = decoder(ids).hidden;
    std::vector<KvCache> caches(2, KvCache(5));
    const auto first = decoder->forward(ids.narrow(1, 0, 3), {.caches = &caches}).hidden;
    const auto rest = decoder->forward(ids.narrow(1, 3, 2), {.caches = &caches}).hidden;
    CHECK(max_difference(at::cat({first, rest}, 1), full) < 1e-5);

    const auto padded = at::cat({torch::full({2, 2}, 12, torch::kInt64), ids}, 1);
    auto mask = torch::ones({2, 7}, torch::kInt64);
    mask.narrow(1, 0, 2).zero_();
    CHECK(max_difference(decoder->forward(padded, {.attention_mask = mask}).hidden.narrow(1, 2, 5), full) < 1e-5);
    caches.assign(2, KvCache(7));
    decoder->forward(padded.narrow(1, 0, 6), {.caches = &caches, .attention_mask = mask.narrow(1, 0, 6)});
    const auto last = decoder->forward(padded.narrow(1, 6, 1), {.caches = &caches, .attention_mask = mask}).hidden;
    CHECK(max_difference(last, full.narrow(1, 4, 1)) < 1e-5);
    std::vector<CrossKvCache> memory;
    CHECK_THROWS_AS(decoder->forward(ids, {.memory = &memory}), std::invalid_argument);
  }
  TransformerDecoder reading(small("marian"));
  CHECK_THROWS_WITH(reading(torch::tensor({{3}})), Catch::Contains("memory"));
}

TEST_CASE("bfloat16 autocast trains") {
  const Batch batch;
  auto model = small_model("marian");
  const auto loss = [&] {
    return model->loss_sum(batch.source.clamp_max(10), batch.lengths, batch.decoder_input, batch.labels);
  };
  const double exact = loss().item<double>();
  const AutocastGuard autocast(torch::kCPU, torch::kBFloat16);
  CHECK(loss().item<double>() == Approx(exact).epsilon(0.05));
  loss().backward();
  CHECK(model->model->shared->weight.grad().scalar_type() == torch::kFloat32);
}

TEST_CASE("impossible configurations and inputs are refused by field and value") {
  const auto check = [](const std::function<void(TransformerConfig&)>& change, const std::string& a,
                        const std::string& b) {
    auto config = small("marian");
    change(config);
    CHECK_THROWS_WITH(TransformerMtModel(config), Catch::Contains(a) && Catch::Contains(b));
  };
  check([](auto& c) { c.vocab_size = 0; }, "vocab_size", "0");
  check([](auto& c) { c.d_model = 9; }, "d_model = 9", "encoder_attention_heads = 2");
  check([](auto& c) { c.decoder_attention_heads = 3; }, "d_model = 8", "decoder_attention_heads = 3");
  check([](auto& c) { c.decoder_layers = 0; }, "decoder_layers", "0");
  check([](auto& c) { c.dropout = 1.0; }, "dropout", "1");
  check([](auto& c) { c.activation_function = "gelo"; }, "activation_function", "gelo");
  check([](auto& c) { c.position_embedding_type = "rotary"; }, "position_embedding_type", "rotary");
  check([](auto& c) { c.decoder_vocab_size = 11; }, "vocab_size = 13", "decoder_vocab_size = 11");
  check([](auto& c) { c.pad_token_id = 13; }, "pad_token_id", "13");
  check([](auto& c) { c.decoder_start_token_id = 14; }, "decoder_start_token_id", "14");
  CHECK_THROWS_WITH(TransformerConfig::preset("huge"), Catch::Contains("huge") && Catch::Contains("iwslt-small"));
  CHECK_THROWS_WITH(config_from_json<TransformerConfig>(R"({"is_encoder_decoder": false})", "c.json"),
                    Catch::Contains("c.json") && Catch::Contains("is_encoder_decoder"));

  auto model = small_model("marian");
  const Batch batch;
  const auto source = batch.source.clamp_max(10);
  CHECK_THROWS_WITH(model->forward(source[0], batch.lengths, batch.decoder_input.narrow(0, 0, 1).expand({5, -1})),
                    Catch::Contains("source must be (B,S)"));
  CHECK_THROWS_WITH(model->forward(source, batch.lengths.narrow(0, 0, 2), batch.decoder_input),
                    Catch::Contains("source_lengths"));
  CHECK_THROWS_WITH(model->forward(source, batch.lengths, batch.decoder_input.narrow(0, 0, 2)),
                    Catch::Contains("decoder_input"));
  CHECK_THROWS_WITH(model->loss_sum(source, batch.lengths, batch.decoder_input, batch.labels.narrow(1, 0, 3)),
                    Catch::Contains("labels"));
  const auto long_source = torch::full({1, 11}, 3, torch::kInt64);
  CHECK_THROWS_WITH(model->forward(long_source, torch::tensor({11}), torch::tensor({{1}})),
                    Catch::Contains("11 tokens exceed max_position_embeddings = 10"));
}

TEST_CASE("it learns to copy") {
  constexpr int kSteps = 300, kWarmup = 40;
  constexpr double kPeak = 3e-3;
  torch::manual_seed(4);
  auto config = TransformerConfig::preset("tiny");
  config.vocab_size = 9;
  config.dropout = 0.0;
  config.pad_token_id = 0;
  config.decoder_start_token_id = 0;
  TransformerMtModel model(config);
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(kPeak).betas({0.9, 0.98}));
  const auto lengths = torch::full({32}, 5, torch::kInt64);
  double loss = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double rate = kPeak * std::min(1.0, (step + 1.0) / kWarmup) * (1.0 - static_cast<double>(step) / kSteps);
    dynamic_cast<torch::optim::AdamOptions&>(optimizer.param_groups()[0].options()).lr(rate);
    const auto copied = torch::randint(1, 9, {32, 5});
    const auto input = at::cat({torch::zeros({32, 1}, torch::kInt64), copied.narrow(1, 0, 4)}, 1);
    optimizer.zero_grad();
    const auto mean = model->loss_sum(copied, lengths, input, copied) / copied.numel();
    mean.backward();
    optimizer.step();
    loss = mean.item<double>();
  }
  CHECK(loss < 0.15);
  model->eval();
  const auto source = torch::randint(1, 9, {32, 5});
  const auto decoder = model->start(source, lengths, 5);
  auto next = torch::zeros({32, 1}, torch::kInt64);
  std::vector<Tensor> written;
  for (int t = 0; t < 5; ++t) written.push_back(next = decoder->step(next).argmax(-1, true));
  CHECK(at::cat(written, 1).eq(source).to(torch::kFloat64).mean().item<double>() > 0.95);
}

}  // namespace langzoo::test::transformer_test
