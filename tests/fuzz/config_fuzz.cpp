// Any bytes as a config.json and as a run's configuration: an error, or a config that is written and read again alike.
#include "tests/support/test.h"

#include <stdexcept>

#include "apps/training/run_config.h"
#include "models/gpt/gpt.h"
#include "models/io/class_labels.h"
#include "models/seq2seq/seq2seq_config.h"
#include "tests/support/fuzz.h"

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

template <class Config>
bool reads(const std::string& bytes) {
  std::optional<Config> config;
  try {
    config = config_from_json<Config>(bytes, "config.json");
  } catch (const std::runtime_error&) {
    return false;
  }
  const auto written = write_fields(*config);
  if (write_fields(config_from_json<Config>(written, "written")) != written) {
    throw std::logic_error("not the same when read again");
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
  std::vector<std::string> seeds;
  for (const char* name : {"gpt/tiny/config.json", "gpt/relu_inverse/config.json"}) {
    seeds.push_back(read_file(fixture(name)));
  }
  auto luong = Seq2SeqConfig::preset("luong");
  luong.source_vocab_size = luong.target_vocab_size = 9;
  seeds.push_back(write_fields(luong));
  Nested nested;
  nested.labels = ClassLabels::of({"no", "perhaps", "yes"});
  nested.other = Seq2SeqConfig::preset("bahdanau");
  nested.other->source_vocab_size = nested.other->target_vocab_size = 9;
  seeds.push_back(write_fields(nested));
  seeds.push_back(R"({"program": "gpt", "model": )" + write_fields(nested) + R"(, "model.decoder.n_layer": 2})");
  return fuzz_main(argc, argv, seeds, [](const std::string& bytes) {
    const bool any = int{reads<Gpt2Config>(bytes)} + int{reads<Seq2SeqConfig>(bytes)} + int{reads<Nested>(bytes)} +
                         int{configures(bytes)} >
                     0;
    if (!any) throw std::runtime_error("is no configuration");
  });
}
