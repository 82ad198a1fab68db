#include "tests/support/test.h"

#include <set>

#include "models/gpt/gpt.h"
#include "models/registry.h"

namespace langzoo::test {

TEST_CASE("a directory opens through its model_type") {
  const TempDir dir;
  Gpt2Config config;
  config.vocab_size = 11;
  config.n_positions = 8;
  config.n_embd = 4;
  config.n_layer = 1;
  config.n_head = 2;
  config.bos_token_id = config.eos_token_id = 0;
  Gpt2LmHeadModel model(config);
  model->save_pretrained(dir.path());

  const Family& family = family_of(dir.path());
  CHECK(family.model_type == "gpt2");
  const auto loaded = family.load(dir.path(), nullptr, {});
  CHECK_FALSE(loaded->is_training());
  const StateDict expected = state_dict(*model), tensors = state_dict(*loaded);
  REQUIRE(tensors.keys() == expected.keys());
  for (const auto& item : expected) CHECK(torch::equal(tensors[item.key()], item.value()));
}

TEST_CASE("a family is registered once, an unknown one is named") {
  std::set<std::string_view> types;
  for (const Family& family : families()) CHECK(types.insert(family.model_type).second);

  const TempDir dir;
  write_file(dir / "config.json", R"({"model_type": "bert"})");
  CHECK_THROWS_WITH(family_of(dir.path()), Catch::Matchers::Contains("model_type: is \"bert\", known are gpt2"));
}

}  // namespace langzoo::test
