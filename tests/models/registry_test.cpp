#include "tests/support/test.h"

#include <map>
#include <set>

#include <sys/resource.h>

#include "models/gpt/gpt.h"
#include "models/io/safetensors.h"
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
  CHECK(find_registered_model("t5", "T5WithLMHeadModel")->architecture == "T5ForConditionalGeneration");
  CHECK(find_registered_model("gpt2", "BertModel") == nullptr);
  CHECK(find_registered_model("cobol") == nullptr);
}

TEST_CASE("a config of sizes that no file has is refused before memory is taken") {
  const std::string encoder = R"("vocab_size": 1000000, "hidden_size": 8192, "num_attention_heads": 1,
                                 "num_hidden_layers": 1)";
  const std::map<std::string_view, std::string> configs = {
      {"gpt2", R"("vocab_size": 100000, "n_embd": 8192, "n_head": 1, "n_layer": 2, "n_positions": 1048576)"},
      {"marian", R"("vocab_size": 100000, "d_model": 4096, "encoder_layers": 1, "decoder_layers": 1,
                    "max_position_embeddings": 1048576, "decoder_start_token_id": 0, "pad_token_id": 0)"},
      {"transformer", R"("vocab_size": 100000, "d_model": 4096, "encoder_layers": 1, "decoder_layers": 1,
                         "max_position_embeddings": 1048576, "decoder_start_token_id": 0, "pad_token_id": 0,
                         "position_embedding_type": "interleaved")"},
      {"t5", R"("vocab_size": 10000000, "d_model": 8192)"},
      {"mt5", R"("vocab_size": 10000000, "d_model": 8192)"},
      {"seq2seq", R"("source_vocab_size": 1000000, "target_vocab_size": 1000000, "embedding_size": 8192)"},
      {"fasttext", R"("vocab_size": 10000000, "dim": 300, "bucket": 10000000, "word_ngrams": 2,
                      "id2label": {"0": "a", "1": "b"})"},
      {"word2vec", R"("vocab_size": 10000000, "dim": 300)"},
      {"glove", R"("vocab_size": 10000000, "dim": 300)"},
      {"ppmi-svd", R"("vocab_size": 10000000, "dim": 300)"},
      {"openai-gpt", R"("vocab_size": 100000, "n_embd": 8192, "n_head": 1, "n_layer": 2, "n_positions": 1048576)"},
      {"gpt_neo", R"("vocab_size": 100000, "hidden_size": 8192, "num_heads": 1, "num_layers": 2,
                     "max_position_embeddings": 1048576, "attention_types": [[["global"], 2]])"},
      {"bert", encoder},
      {"roberta", encoder},
      {"albert", encoder + R"(, "embedding_size": 8192)"},
      {"electra", encoder + R"(, "embedding_size": 8192)"},
      {"distilbert", R"("vocab_size": 1000000, "dim": 8192, "n_heads": 1, "n_layers": 1)"},
      {"ernie-thu", encoder + R"(, "entities": ["a"], "entity_size": 8, "num_entity_attention_heads": 1,
                                  "layer_types": ["sim"])"},
      {"transe", R"("entities": ["a"], "relations": ["r"], "num_triples": 1000000000)"},
      {"kagnet", R"("encoder_type": "bert", "encoder": {)" + encoder + "}"},
      {"rnn-lm", R"("vocab_size": 1000000, "embedding_size": 8192)"},
      {"ar-lm", R"("vocab_size": 1000000, "embedding_size": 8192)"},
      {"transformer-lm", R"("vocab_size": 1000000, "d_model": 8192)"},
      {"elmo", R"("vocab_size": 16000000, "projection_size": 512)"},
      {"captioner", R"("vocab_size": 10000000, "hidden_size": 256)"},
      {"image-tokens", R"("vocab_size": 1000000, "n_embd": 8192, "n_head": 1, "n_layer": 1)"},
      {"tagger", R"("vocab_size": 10000000, "embedding_size": 300, "id2label": {"0": "a", "1": "b"})"},
      {"ntm", R"("memory_rows": 1048576, "memory_width": 1024)"},
      {"deep-lstm", R"("hidden_size": 8192)"}};
  const auto peak_megabytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  };
  const TempDir dir;
  StateDict one;
  one.insert("x", torch::zeros({1}));
  save_safetensors(dir / "model.safetensors", one);
  for (const RegisteredModel& model : registered_models()) {
    INFO(model.model_type << " " << model.architecture);
    if (model.model_type == "noisy-channel" || model.model_type == "ngram") continue;  // whose sizes no config gives
    const auto config = configs.find(model.model_type);
    REQUIRE(config != configs.end());
    write_file(dir / "config.json", "{" + config->second + "}");
    const auto before = peak_megabytes();
    CHECK_THROWS_AS(model.load(dir.path(), nullptr, {}), std::runtime_error);
    CHECK(peak_megabytes() - before < 500);
  }
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
  write_file(dir / "config.json", R"({"model_type": "cobol"})");
  CHECK_THROWS_WITH(registered_model(dir.path()),
                    Contains("model_type: is \"cobol\", known are gpt2, openai-gpt, gpt_neo, seq2seq, "));
  write_file(dir / "config.json", R"({"model_type": "gpt2", "architectures": ["GPT2CobolModel"]})");
  CHECK_THROWS_WITH(registered_model(dir.path()),
                    Contains("architectures: is \"GPT2CobolModel\", known of gpt2 are GPT2LMHeadModel, GPT2Model, "
                             "GPT2ForSequenceClassification, GPT2DoubleHeadsModel, "));
  write_file(dir / "config.json", R"({"architectures": ["CobolModel"]})");
  CHECK_THROWS_WITH(registered_model(dir.path()),
                    Contains("config.json") && Contains("names no model_type, and of architectures only CobolModel; "
                                                        "known are GPT2LMHeadModel, GPT2Model, "));
  write_file(dir / "config.json", "{}");
  CHECK_THROWS_WITH(registered_model(dir.path()), Contains("names no model_type, and no architectures either"));
  write_file(dir / "config.json", R"({"model_type": "gpt2", "architectures": [""]})");
  CHECK_THROWS_WITH(registered_model(dir.path()), Contains("architectures: is \"\""));
}

}  // namespace langzoo::test
