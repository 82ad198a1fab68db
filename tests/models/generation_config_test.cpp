#include "models/generation_config.h"

#include "models/gpt/gpt.h"
#include "models/registry.h"
#include "tests/support/test.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

/// What a folder with these files says.
GenerationConfig read(const std::string& config, const std::string& generation) {
  const TempDir dir;
  write_file(dir / "config.json", config);
  if (!generation.empty()) write_file(dir / "generation_config.json", generation);
  return generation_config_of(dir.path());
}

Gpt2LmHeadModel small(std::vector<std::int64_t> ends) {
  Gpt2Config config;
  config.vocab_size = 11, config.n_positions = 8, config.n_embd = 4, config.n_layer = 1, config.n_head = 2;
  config.eos_token_id = std::move(ends);
  return Gpt2LmHeadModel(config);
}

}  // namespace

TEST_CASE("an older Marian folder ends what reaches max_length unless it says otherwise, as in transformers") {
  const auto ends = [](const std::string& config, const std::string& generation = {}) {
    return read(config, generation).forced_eos_token_id;
  };
  using Ids = std::vector<std::int64_t>;
  CHECK(ends(R"({"model_type": "marian"})") == Ids{0});
  CHECK(ends(R"({"model_type": "marian", "forced_eos_token_id": null})").empty());
  CHECK(ends(R"({"model_type": "marian", "forced_eos_token_id": [3, 4]})") == Ids{3, 4});
  CHECK(ends(R"({"model_type": "marian"})", "{}").empty());
  CHECK(ends(R"({"model_type": "gpt2"})").empty());
}

TEST_CASE("generation_config.json says how to decode") {
  const auto config = read("{}", R"({"do_sample": true, "temperature": 0.6, "top_k": 5, "top_p": 0.9,
    "max_new_tokens": 7, "min_new_tokens": 2, "min_length": 3, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
    "num_return_sequences": 2, "bad_words_ids": [[1, 2], [3]], "forced_bos_token_id": 4, "forced_eos_token_id": 5,
    "suppress_tokens": [6], "begin_suppress_tokens": [7, 8], "eos_token_id": [0, 5], "stop_strings": "x"})");
  GenerateOptions options;
  config.apply_to(options);
  CHECK_FALSE(options.sampling.greedy);
  CHECK(options.sampling.temperature == 0.6);
  CHECK(options.sampling.top_k == 5);
  CHECK(options.sampling.top_p == 0.9);
  CHECK(options.max_new_tokens == 7);
  CHECK(options.min_new_tokens == 2);
  CHECK(options.min_length == 3);
  CHECK(options.repetition_penalty == 1.2);
  CHECK(options.no_repeat_ngram_size == 3);
  CHECK(options.num_return_sequences == 2);
  CHECK(options.bad_words_ids == std::vector<std::vector<std::int32_t>>{{1, 2}, {3}});
  CHECK(options.forced_bos_token_id == 4);
  CHECK(options.forced_eos_token_id == std::vector<std::int32_t>{5});
  CHECK(options.suppress_tokens == std::vector<std::int32_t>{6});
  CHECK(options.begin_suppress_tokens == std::vector<std::int32_t>{7, 8});
  CHECK(config.eos_token_id == std::vector<std::int64_t>{0, 5});
  CHECK(config.stop_strings == std::vector<std::string>{"x"});
  CHECK(config.not_done.empty());

  const auto beams = read("{}", R"({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5,
    "length_penalty": 2, "early_stopping": "never", "do_sample": false})");
  BeamSearchOptions search;
  beams.apply_to(search);
  CHECK(search.num_beams == 4);
  CHECK(search.num_beam_groups == 2);
  CHECK(search.diversity_penalty == 0.5);
  CHECK(search.length_penalty == 2);
  CHECK(search.early_stopping == EarlyStopping::kNever);
  read("{}", R"({"early_stopping": true})").apply_to(search);
  CHECK(search.early_stopping == EarlyStopping::kTrue);
  CHECK(search.num_beams == 4);  // what a file leaves out stays
  beams.apply_to(options);
  CHECK(options.sampling.greedy);
}

TEST_CASE("what holds whatever a caller chooses is bad words and tokens forced or suppressed, and may be said again") {
  const auto config = read("{}", R"({"bad_words_ids": [[1, 2]], "forced_eos_token_id": 5, "suppress_tokens": [6],
    "renormalize_logits": true, "max_new_tokens": 7, "repetition_penalty": 1.2, "num_return_sequences": 3})");
  DecodingOptions options;
  options.begin_suppress_tokens = {9};
  for (int i = 0; i < 2; ++i) config.apply_constraints_to(options);
  CHECK(options.bad_words_ids == std::vector<std::vector<std::int32_t>>{{1, 2}});
  CHECK(options.forced_eos_token_id == std::vector<std::int32_t>{5});
  CHECK(options.suppress_tokens == std::vector<std::int32_t>{6});
  CHECK(options.begin_suppress_tokens == std::vector<std::int32_t>{9});  // what a file leaves out stays
  CHECK(options.renormalize_logits);
  CHECK(options.max_new_tokens == DecodingOptions().max_new_tokens);
  CHECK(options.repetition_penalty == 1);
  CHECK(options.num_return_sequences == 1);
}

TEST_CASE("without generation_config.json an older config.json says it; beside one it says nothing") {
  const std::string old = R"({"n_head": 2, "temperature": 0.7, "max_length": 30, "eos_token_id": 5})";
  const auto config = read(old, "");
  CHECK(config.file.empty());
  CHECK(config.temperature == 0.7);
  CHECK(config.max_length == 30);
  CHECK(config.eos_token_id == std::vector<std::int64_t>{5});
  const auto beside = read(old, R"({"top_k": 3})");
  CHECK(beside.top_k == 3);
  CHECK_FALSE(beside.temperature);
  CHECK(beside.eos_token_id.empty());  // as transformers has it
  CHECK_THROWS_WITH(read(R"({"temperature": "hot"})", ""), Contains("config.json: temperature: is \"hot\", expected"));
}

TEST_CASE("a broken generation_config.json is an error that names file and key") {
  CHECK_THROWS_WITH(read("{}", R"({"temperature": )"), Contains("generation_config.json: not valid JSON"));
  CHECK_THROWS_WITH(read("{}", "[]"), Contains("generation_config.json: not a JSON object"));
  const auto refused = [](const std::string& key, const std::string& value) {
    CHECK_THROWS_WITH(read("{}", "{\"" + key + "\": " + value + "}"),
                      Contains("generation_config.json: " + key + ": is " + value + ", expected"));
  };
  refused("temperature", "\"hot\"");
  refused("temperature", "-1");
  refused("top_p", "0");
  refused("num_beams", "0");
  refused("do_sample", "1");
  refused("eos_token_id", "\"a\"");
  refused("eos_token_id", "[1,\"a\"]");
  refused("early_stopping", "\"maybe\"");
  refused("bad_words_ids", "[1]");
  CHECK_THROWS_WITH(read("{}", R"({"bad_words_ids": [[1], []]})"),
                    Contains("generation_config.json: bad_words_ids: one of them is empty"));
  refused("max_length", "99999999999999");
  CHECK_THROWS_WITH(read("{}", R"({"stop_strings": ["a", ""]})"), Contains("generation_config.json: stop_strings"));
}

TEST_CASE("keys that ask for what is not done are named; those that ask for nothing are not") {
  const auto config = read("{}", R"({"_from_model_config": true, "transformers_version": "5.23.0", "use_cache": true,
    "bos_token_id": 0, "pad_token_id": -1, "output_attentions": true, "typical_p": 1.0, "epsilon_cutoff": 0.0,
    "renormalize_logits": false, "sequence_bias": null, "min_p": 0.05, "guidance_scale": 1.5,
    "watermarking_config": {"bias": 2}, "custom": "x"})");
  CHECK(config.not_done == std::vector<std::string>{"custom = \"x\"", "guidance_scale = 1.5", "min_p = 0.05",
                                                    "watermarking_config = {\"bias\":2}"});
}

TEST_CASE("a model keeps the generation_config.json of its folder, whose end tokens go before the config's") {
  const TempDir dir;
  auto model = small({3, 4});
  model->save_pretrained(dir / "a");
  CHECK_FALSE(std::filesystem::exists(dir / "a/generation_config.json"));
  CHECK(from_pretrained<Gpt2LmHeadModel>(dir / "a")->end_tokens() == std::vector<std::int32_t>{3, 4});
  const std::string text = R"({"eos_token_id": [7, 50256, -1], "future": {"key": [1]}})";
  write_file(dir / "a/generation_config.json", text);
  auto read = from_pretrained<Gpt2LmHeadModel>(dir / "a");
  CHECK(read->end_tokens() == std::vector<std::int32_t>{7, 50256});
  read->save_pretrained(dir / "b");
  CHECK(read_file(dir / "b/generation_config.json") == text);
  CHECK(read_file(dir / "b/config.json") == read_file(dir / "a/config.json"));
  // Another model in the folder's place does not take it over.
  model->save_pretrained(dir / "b");
  CHECK_FALSE(std::filesystem::exists(dir / "b/generation_config.json"));
  const auto& registered = registered_model(dir / "a");
  const auto lm = std::dynamic_pointer_cast<CausalLm>(registered.load(dir / "a", nullptr, {}));
  CHECK(lm->generation_config.file == text);
  write_file(dir / "a/generation_config.json", "{");
  CHECK_THROWS_WITH(from_pretrained<Gpt2LmHeadModel>(dir / "a"), Contains("generation_config.json: not valid JSON"));
}

TEST_CASE("old generation keys of config.json are not said to be unused") {
  const TempDir dir;
  small({0})->save_pretrained(dir.path());
  auto text = read_file(dir / "config.json");
  text.insert(1, R"("temperature": 0.5, "use_cache": true, )");
  write_file(dir / "config.json", text);
  LoadReport report;
  auto model = from_pretrained<Gpt2LmHeadModel>(dir.path(), &report);
  CHECK(report.unmodelled == std::vector<std::string>{});
  CHECK(model->generation_config.temperature == 0.5);
  write_file(dir / "generation_config.json", "{}");
  model = from_pretrained<Gpt2LmHeadModel>(dir.path(), &report);
  CHECK(report.unmodelled == std::vector<std::string>{"temperature"});
  CHECK_FALSE(model->generation_config.temperature);
}

}  // namespace langzoo::test
