// Any bytes as a config.json of a family, which the first byte chooses, as a generation_config.json and as a run's
// configuration: an error, or a config that is written and read again alike.
#include "tests/support/test.h"

#include <algorithm>
#include <numeric>
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

  std::vector<nlohmann::json> seeds;  // the first of them one of each family, in the order of `configs`
  for (const auto& config : configs) {
    for (const auto& field : fields_of(fields_in(*config))) {
      if (field.json() == "null" && !field.set("9")) field.set("true");
    }
    seeds.push_back(nlohmann::json::parse(config->to_json()));
  }
  std::vector<std::size_t> family_of(configs.size());
  std::iota(family_of.begin(), family_of.end(), 0);
  const auto gpt2 = std::ranges::find(families(), "gpt2", &Family::model_type) - families().begin() + 1;
  require(static_cast<std::size_t>(gpt2) < configs.size(), "GPT-2 is no family");
  for (const auto* const name : {"gpt/tiny/config.json", "gpt/relu_inverse/config.json"}) {
    seeds.push_back(nlohmann::json::parse(read_file(fixture(name))));
    family_of.push_back(gpt2);
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
  require(configs.size() <= 256, "more families than a byte can choose");
  const auto of_family = [&](std::size_t family, const std::string& text) {
    return std::string(1, static_cast<char>(family)) + text;
  };
  family_of.resize(seeds.size());  // the rest is of none: Nested
  std::vector<std::string> texts, replayed;
  for (const auto& seed : seeds) {
    texts.push_back(seed.dump());
    replayed.push_back(of_family(family_of[texts.size() - 1], texts.back()));
  }
  const auto mutate = [&](FuzzRandom& random) {
    const auto chosen = below(random, seeds.size());
    const bool own = below(random, 4) != 0;
    const auto text = below(random, 2) == 0 ? mutate_bytes(texts[chosen], texts, random)
                                            : mutate_json(seeds[chosen], seeds, random).dump();
    return of_family(own ? family_of[chosen] : below(random, configs.size()), text);
  };
  const TempDir dir;
  return fuzz_main(
      argc, argv, replayed,
      [&](const std::string& bytes) {
        if (bytes.empty()) throw std::runtime_error("names no family");
        const auto text = bytes.substr(1);
        bool any = configures(text);
        any = generates(text, dir) || any;
        any = reads(*configs[static_cast<unsigned char>(bytes[0]) % configs.size()], text) || any;
        if (!any) throw std::runtime_error("is no configuration");
      },
      mutate);
}
