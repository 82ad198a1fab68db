#include "tests/support/test.h"

#include <functional>
#include <map>

#include <nlohmann/json.hpp>

#include "models/albert/albert.h"
#include "models/bert/bert.h"
#include "models/distilbert/distilbert.h"
#include "models/electra/electra.h"
#include "models/elmo/elmo.h"
#include "models/flops.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/ngram_lm/ngram_lm.h"
#include "models/rnn_lm/ar_lm.h"
#include "models/rnn_lm/rnn_lm.h"
#include "models/roberta/roberta.h"
#include "models/seq2seq/seq2seq_config.h"
#include "models/t5/t5_config.h"
#include "models/tagger/tagger.h"
#include "models/transformer/transformer_config.h"
#include "models/transformer/transformer_lm.h"
#include "models/word2vec/word2vec.h"

namespace langzoo::test::flops_test {

namespace {

template <class Config>
std::unique_ptr<ModelConfig> parsed(const std::string& text) {
  return ModelConfig::of(Config())->parsed(text, "flops.json");
}

const std::map<std::string, std::function<std::unique_ptr<ModelConfig>(const std::string&)>>& readers() {
  static const std::map<std::string, std::function<std::unique_ptr<ModelConfig>(const std::string&)>> readers = {
      {"gpt2", parsed<Gpt2Config>},
      {"openai-gpt", parsed<OpenAiGptConfig>},
      {"gpt_neo", parsed<GptNeoConfig>},
      {"bert", parsed<BertConfig>},
      {"roberta", parsed<RobertaConfig>},
      {"albert", parsed<AlbertConfig>},
      {"electra", parsed<ElectraConfig>},
      {"distilbert", parsed<DistilBertConfig>},
      {"t5", parsed<T5Config>},
      {"marian", parsed<TransformerConfig>},
      {"transformer-lm", parsed<TransformerLmConfig>},
      {"rnn-lm", parsed<RnnLmConfig>},
      {"ar-lm", parsed<ArLmConfig>},
      {"seq2seq", parsed<Seq2SeqConfig>},
      {"elmo", parsed<ElmoConfig>},
      {"tagger TaggerForTokenClassification", parsed<TaggerConfig>},
      {"tagger TaggerForSequenceClassification", parsed<TaggerClassifierConfig>}};
  return readers;
}

}  // namespace

TEST_CASE("formulas of FLOPs agree with torch's count of equal models", "[flops]") {
  const auto cases = nlohmann::json::parse(read_file(fixture("flops/flops.json")));
  REQUIRE(cases.size() > 20);
  std::set<std::string> types;
  for (const auto& c : cases) {
    const auto type = c["model_type"].get<std::string>();
    INFO(c["name"]);
    auto config = c["config"];
    const std::set<std::string> labelled = {"bert", "roberta", "albert", "electra", "distilbert", "tagger"};
    if (labelled.count(type) != 0) config["id2label"] = {{"0", "a"}, {"1", "b"}};
    const auto architecture = c["architecture"].get<std::string>();
    const auto* const model = find_registered_model(type, architecture);
    REQUIRE(model != nullptr);
    const auto reader = readers().count(type) != 0 ? type : type + " " + architecture;
    const auto flops = training_flops(*model, *readers().at(reader)(config.dump()),
                                      {.source = c["source"].get<double>(),
                                       .target = c["target"].get<double>(),
                                       .characters = c["characters"].get<double>()});
    REQUIRE(flops.has_value());
    CHECK(c["rows"].get<double>() * *flops == Approx(c["flops"].get<double>()).epsilon(0.05));
    types.insert(reader);
  }
  CHECK(types.size() == readers().size());
}

TEST_CASE("what is counted costs nothing, and word2vec its pairs", "[flops]") {
  const auto flops = [](const char* type, const ModelConfig& config) {
    return training_flops(*find_registered_model(type), config, {.target = 1});
  };
  CHECK(flops("ngram", *ModelConfig::of(NGramLmConfig())) == 0);
  Word2VecConfig words;
  words.dim = 10, words.window = 3, words.negative = 4;
  // 4 neighbours in the mean, a true word and 4 drawn ones for each, 2 x 10 operations, three times.
  CHECK(flops("word2vec", *ModelConfig::of(words)) == 4 * 5 * 20 * 3);
}

TEST_CASE("only hidden words are predicted where it is said how many there are", "[flops]") {
  BertConfig config;
  config.vocab_size = 1000, config.hidden_size = 32, config.num_attention_heads = 2;
  const auto& model = *find_registered_model("bert", "BertForMaskedLM");
  const auto all = *training_flops(model, *ModelConfig::of(config), {.target = 20});
  const auto some = *training_flops(model, *ModelConfig::of(config), {.target = 20, .predicted = 3});
  CHECK(all - some == Approx(3.0 * 2 * 17 * (32 * 32 + 32 * 1000)));
}

}  // namespace langzoo::test::flops_test
