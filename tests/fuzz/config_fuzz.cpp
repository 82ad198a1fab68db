// Any bytes as a config.json of any family, as a generation_config.json and as a run's configuration: an error, or a
// config that is written and read again alike.
#include "tests/support/test.h"

#include <stdexcept>

#include "apps/training/families.h"
#include "apps/training/run_config.h"
#include "models/generation_config.h"
#include "models/gpt/gpt.h"
#include "models/io/class_labels.h"
#include "models/seq2seq/seq2seq_config.h"
#include "tests/support/fuzz.h"
#include "tests/support/fuzz_json.h"

namespace {

using namespace langzoo;

/// Labels, and an object within an object.
struct Nested {
  ClassLabels labels;
  Gpt2Config decoder;
  std::optional<Seq2SeqConfig> other;

  void for_each_field(FieldVisitor& visit) {
    labels.for_each_field(visit);
    visit.object("decoder", decoder);
    visit.object("other", other);
  }
  void validate() const { labels.validate("nested"); }
};

bool reads(const ModelConfig& family, const std::string& bytes) {
  std::string written;
  try {
    written = family.parsed(bytes, "config.json")->to_json();
  } catch (const std::runtime_error&) {
    return false;
  }
  if (family.parsed(written, "written")->to_json() != written) throw std::logic_error("not the same when read again");
  return true;
}

bool generates(const std::string& bytes, const test::TempDir& dir) {
  test::write_file(dir / "generation_config.json", bytes);
  BeamSearchOptions options;
  try {
    generation_config_of(dir.path()).apply_to(options);
    options.validate();
  } catch (const std::runtime_error&) {
    return false;
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

bool configures(const std::string& bytes) {
  Nested model;
  RunConfig config;
  config.bind("model", model);
  try {
    config.set_all(bytes, "run.json");
  } catch (const ConfigError&) {
    return false;
  }
  const auto resolved = config.resolved();
  config.set_all(resolved, "resolved");
  if (config.resolved() != resolved || !config.differing(resolved).empty()) {
    throw std::logic_error("not the same run when read again");
  }
  return true;
}

}  // namespace

LANGZOO_FUZZER(config) {
  using namespace langzoo::test;
  std::vector<std::unique_ptr<ModelConfig>> configs;
  configs.push_back(ModelConfig::of(Nested()));
  for (const auto& family : families()) configs.push_back(family.default_config());

  std::vector<nlohmann::json> seeds;
  for (const auto* const name : {"gpt/tiny/config.json", "gpt/relu_inverse/config.json"}) {
    seeds.push_back(nlohmann::json::parse(read_file(fixture(name))));
  }
  for (const auto& config : configs) {
    for (const auto& field : fields_of(fields_in(*config))) {
      if (field.json() == "null" && !field.set("9")) field.set("true");
    }
    seeds.push_back(nlohmann::json::parse(config->to_json()));
  }
  Nested nested;
  nested.labels = ClassLabels::of({"no", "perhaps", "yes"});
  nested.other = Seq2SeqConfig::preset("bahdanau");
  nested.other->source_vocab_size = nested.other->target_vocab_size = 9;
  seeds.push_back(nlohmann::json::parse(write_fields(nested)));
  seeds.push_back({{"program", "gpt"}, {"model", seeds.back()}, {"model.decoder.n_layer", 2}});
  seeds.push_back(nlohmann::json::parse(R"({"max_length": 30, "num_beams": 4, "early_stopping": "never", "top_p": 0.9,
    "bad_words_ids": [[1, 2], [3]], "eos_token_id": [0, 5], "forced_eos_token_id": 5, "stop_strings": ["x"],
    "min_p": 0.1, "num_beam_groups": 2, "diversity_penalty": 0.5, "_from_model_config": true})"));
  std::vector<std::string> texts;
  for (const auto& seed : seeds) texts.push_back(seed.dump());
  const auto mutate = [&](FuzzRandom& random) {
    const auto chosen = below(random, seeds.size());
    if (below(random, 2) == 0) return mutate_bytes(texts[chosen], texts, random);
    return mutate_json(seeds[chosen], seeds, random).dump();
  };
  const TempDir dir;
  return fuzz_main(
      argc, argv, texts,
      [&](const std::string& bytes) {
        bool any = configures(bytes);
        any = generates(bytes, dir) || any;
        for (const auto& config : configs) any = reads(*config, bytes) || any;
        if (!any) throw std::runtime_error("is no configuration");
      },
      mutate);
}
