#include "tests/support/test.h"

#include <cmath>
#include <utility>

#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/causal_lm.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/gpt/gpt.h"

namespace langzoo::test::causal_lm_test {

namespace {

/// A random model of 8 positions, saved beside a tokenizer of the characters a to j.
struct Model {
  explicit Model(std::int64_t vocab_size = 0) {
    const TextSource letters = [once = true](std::string& text) mutable {
      text = "abcdefghij";
      return std::exchange(once, false);
    };
    tokenizer = make_tokenizer(parse_tokenizer_spec("char", "data.tokenizer"), letters, {}, [](const auto&) {});
    Gpt2Config config;
    config.vocab_size = vocab_size > 0 ? vocab_size : static_cast<std::int64_t>(tokenizer->vocab_size());
    config.n_positions = 8, config.n_embd = 8, config.n_layer = 1, config.n_head = 2;
    config.bos_token_id.reset(), config.eos_token_id.clear();
    torch::manual_seed(1);
    Gpt2LmHeadModel(config)->save_pretrained(dir / "model");
    tokenizer->save(dir / "model");
  }
  TempDir dir;
  std::unique_ptr<Tokenizer> tokenizer;
};

}  // namespace

TEST_CASE("the nats of a text are those of each token given the ones before it in its window") {
  const Model model;
  write_file(model.dir / "text.txt", "abcdefghijabc");
  const auto lm = load_causal_lm(model.dir / "model");
  const auto text = open_evaluation_text((model.dir / "text.txt").string(), *lm.tokenizer, 1);
  const auto nats = text_nats(*lm.model, text, 8, lm.device);
  std::vector<std::int64_t> ids(text.tokens.size());
  text.tokens.read(0, ids);
  CHECK(nats.tokens == std::ssize(ids) - 1);
  CHECK(nats.bytes == 13);

  const torch::NoGradGuard no_grad;
  double expected = 0;
  for (std::size_t first = 0; first + 1 < ids.size(); first += 8) {
    const auto size = std::min<std::size_t>(8, ids.size() - 1 - first);
    for (std::size_t t = 0; t < size; ++t) {
      const std::vector<std::int64_t> seen(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                           ids.begin() + static_cast<std::ptrdiff_t>(first + t + 1));
      const auto logits = lm.model->logits(torch::tensor(seen).unsqueeze(0))[0][-1];
      expected -= logits.log_softmax(0)[ids[first + t + 1]].item<double>();
    }
  }
  CHECK(nats.nats == Approx(expected).epsilon(1e-5));
  const auto metrics = nats.metrics();
  CHECK(metrics.at("loss").value == Approx(expected / 12).epsilon(1e-5));
  CHECK(metrics.at("bits_per_byte").value == Approx(expected / std::log(2.0) / 13).epsilon(1e-5));
  CHECK(metrics.count("source_loss") == 0);
  // A shorter stride gives every token but the first few more to go by.
  CHECK(text_nats(*lm.model, text, 1, lm.device).tokens == nats.tokens);
}

TEST_CASE("a text without a token to predict, and a tokenizer larger than the model, are refused") {
  const Model model;
  const auto lm = load_causal_lm(model.dir / "model");
  write_file(model.dir / "one.txt", "a");
  CHECK_THROWS_WITH(open_evaluation_text((model.dir / "one.txt").string(), *lm.tokenizer, 1),
                    Catch::Contains("one.txt: has no token to predict"));
  const Model small(4);
  CHECK_THROWS_WITH(load_causal_lm(small.dir / "model"), Catch::Contains("the model's vocabulary only 4"));
  const auto& gpt2 = *find_registered_model("gpt2");
  CHECK(load_causal_lm(gpt2, small.dir / "model", {}, false).tokenizer != nullptr);
}

TEST_CASE("a prompt's ids fit the context; an empty one begins with a special token or is refused") {
  const Model model;
  const auto lm = load_causal_lm(model.dir / "model");
  CHECK(encode_prompt("abc", lm).size() == 3);
  CHECK(encode_prompt("abcdefgh", lm).size() == 8);
  CHECK_THROWS_WITH(encode_prompt("abcdefghi", lm), "the prompt has 9 tokens, but the model's context is 8");
  CHECK_THROWS_AS(encode_prompt("", lm), ConfigError);
}

TEST_CASE("what a template ends a text with does not end a prompt") {
  const Model model;
  auto lm = load_causal_lm(model.dir / "model");
  const TextSource words = [once = true](std::string& text) mutable {
    text = "a b";
    return std::exchange(once, false);
  };
  lm.tokenizer = make_tokenizer(parse_tokenizer_spec("train:word:4", "data.tokenizer"), words,
                                {.special_tokens = {"</s>"}, .ends_texts = true}, [](const auto&) {});
  CHECK(lm.tokenizer->encode("a b", EncodeOptions()).ids.back() == lm.tokenizer->special_tokens().eos);
  CHECK(encode_prompt("a b", lm).size() == 2);
  CHECK(encode_prompt("a b </s>", lm).size() == 3);
}

TEST_CASE("a text goes on greedily with the likeliest tokens, until the context is full") {
  const Model model;
  const auto lm = load_causal_lm(model.dir / "model");
  GenerateOptions options;
  options.sampling.greedy = true;
  options.max_new_tokens = 100;
  auto ids = encode_prompt("ab", lm);
  const auto found = continue_ids(*lm.model, ids, options, lm.device);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].size() == 7);  // the last one needs no position
  const torch::NoGradGuard no_grad;
  for (const auto id : found[0]) {
    CHECK(id == lm.model->logits(torch::tensor(ids, torch::kInt64).unsqueeze(0))[0][-1].argmax().item<TokenId>());
    ids.push_back(id);
  }
  CHECK(continue_text(lm, "ab", options).at(0) == lm.tokenizer->decode(found[0], true));
}

}  // namespace langzoo::test::causal_lm_test
