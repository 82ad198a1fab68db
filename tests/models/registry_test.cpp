#include "tests/support/test.h"

#include <set>

#include "models/gpt/gpt.h"
#include "models/registry.h"

namespace langzoo::test {

namespace {

using Catch::Matchers::Contains;

Gpt2Config small() {
  Gpt2Config config;
  config.vocab_size = 11;
  config.n_positions = 8;
  config.n_embd = 4;
  config.n_layer = 1;
  config.n_head = 2;
  config.bos_token_id = 0, config.eos_token_id = {0};
  return config;
}

}  // namespace

TEST_CASE("a directory opens through its model_type and architecture") {
  const TempDir dir;
  Gpt2LmHeadModel model(small());
  model->save_pretrained(dir.path());

  const RegisteredModel& found = registered_model(dir.path());
  CHECK(found.model_type == "gpt2");
  CHECK(found.architecture == "GPT2LMHeadModel");
  const auto loaded = found.load(dir.path(), nullptr, {});
  CHECK_FALSE(loaded->is_training());
  const StateDict expected = state_dict(*model), tensors = state_dict(*loaded);
  REQUIRE(tensors.keys() == expected.keys());
  for (const auto& item : expected) CHECK(torch::equal(tensors[item.key()], item.value()));
}

TEST_CASE("of one model_type the architecture decides; the usual one where a directory names none") {
  const TempDir dir;
  Gpt2Model model(small());
  save_pretrained(*model, model->config(), Gpt2ModelImpl::pretrained_traits(), dir.path());
  CHECK(registered_model(dir.path()).architecture == "GPT2Model");
  CHECK(registered_model(dir.path()).load(dir.path(), nullptr, {})->named_parameters().contains("wte.weight"));

  const auto architecture_of = [&](const std::string& config) {
    write_file(dir / "config.json", config);
    return registered_model(dir.path()).architecture;
  };
  CHECK(architecture_of(R"({"model_type": "gpt2"})") == "GPT2LMHeadModel");
  CHECK(architecture_of(R"({"architectures": ["Other", "GPT2Model"]})") == "GPT2Model");
  CHECK(architecture_of(R"({"model_type": "gpt2", "architectures": null})") == "GPT2LMHeadModel");
  CHECK(architecture_of(R"({"model_type": "gpt2", "architectures": ["Other", "GPT2Model"]})") == "GPT2Model");
}

TEST_CASE("each model is registered once, under its own traits, one of a kind together") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::set<std::string_view> types;
  std::string_view last;
  for (const RegisteredModel& model : registered_models()) {
    INFO(model.model_type << " " << model.architecture);
    CHECK(seen.emplace(model.model_type, model.architecture).second);
    CHECK(model.traits().model_type == model.model_type);
    CHECK(model.traits().architecture == model.architecture);
    if (model.model_type != last) CHECK(types.insert(model.model_type).second);
    last = model.model_type;
    CHECK(find_registered_model(model.model_type, model.architecture) == &model);
  }
  CHECK(find_registered_model("gpt2")->architecture == "GPT2LMHeadModel");
  CHECK(find_registered_model("gpt2", "BertModel") == nullptr);
  CHECK(find_registered_model("bert") == nullptr);
}

TEST_CASE("a model is made of a config's text") {
  const auto* const gpt = find_registered_model("gpt2");
  torch::manual_seed(3);
  const auto made = gpt->make(write_fields(small()), "here");
  torch::manual_seed(3);
  const Gpt2LmHeadModel same(small());
  CHECK(torch::equal(made->named_parameters()["transformer.wte.weight"], same->transformer->wte->weight));
  CHECK_THROWS_WITH(gpt->make(R"({"n_head": "x"})", "here"), Contains("here: n_head: is \"x\""));
  CHECK_THROWS_WITH(gpt->make(R"({"n_embd": 10, "n_head": 4})", "here"), Contains("here: gpt2 config: n_embd = 10"));
}

TEST_CASE("what is not known is named, with what is") {
  const TempDir dir;
  write_file(dir / "config.json", R"({"model_type": "bert"})");
  CHECK_THROWS_WITH(registered_model(dir.path()), Contains("model_type: is \"bert\", known are gpt2, seq2seq, "
                                                           "transformer, marian, fasttext, word2vec, ppmi-svd, glove"));
  write_file(dir / "config.json", R"({"model_type": "gpt2", "architectures": ["GPT2DoubleHeadsModel"]})");
  CHECK_THROWS_WITH(
      registered_model(dir.path()),
      Contains("architectures: is \"GPT2DoubleHeadsModel\", known of gpt2 are GPT2LMHeadModel, GPT2Model"));
  write_file(dir / "config.json", R"({"architectures": ["BertModel"]})");
  CHECK_THROWS_WITH(registered_model(dir.path()),
                    Contains("config.json") && Contains("names no model_type, and of architectures only BertModel; "
                                                        "known are GPT2LMHeadModel, GPT2Model, Seq2Seq, "));
  write_file(dir / "config.json", "{}");
  CHECK_THROWS_WITH(registered_model(dir.path()), Contains("names no model_type, and no architectures either"));
  write_file(dir / "config.json", R"({"model_type": "gpt2", "architectures": [""]})");
  CHECK_THROWS_WITH(registered_model(dir.path()), Contains("architectures: is \"\""));
}

}  // namespace langzoo::test
