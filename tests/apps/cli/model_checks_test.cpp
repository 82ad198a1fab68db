#include "tests/support/test.h"

#include <iostream>
#include <sstream>

#include "apps/cli/model_checks.h"
#include "models/gpt/gpt.h"
#include "tests/support/process.h"

namespace langzoo::test {

namespace {

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

std::string shown(const LoadReport& report) {
  std::ostringstream text;
  auto* const before = std::cerr.rdbuf(text.rdbuf());
  show_load_report("dir", report);
  std::cerr.rdbuf(before);
  return text.str();
}

}  // namespace

TEST_CASE("a load report is one line, and none where all is as it should be") {
  CHECK(shown({}).empty());
  LoadReport report;
  report.other_heads = {"a", "b", "c", "d"};
  report.unmodelled = {"use_cache"};
  CHECK(shown(report) ==
        "note: dir: 4 left out as another model's head: a, b, c, ...; 1 config keys not used: use_cache\n");
}

TEST_CASE("a program says what it left out of a model or took otherwise than the config says") {
  const TempDir dir;
  write_file(dir / "ids.txt", "1 2 3\n");
  const auto score = [&] {
    return Process("langzoo-gpt",
                   {"score", "--model", (dir / "model").string(), "--ids", (dir / "ids.txt").string(), "--json"})
        .wait();
  };
  auto config = small();
  config.tie_word_embeddings = false;
  const Gpt2LmHeadModel model(config);
  model->save_pretrained(dir / "model");
  const auto whole = score();
  REQUIRE(whole.code == 0);
  CHECK(whole.err.empty());

  config.tie_word_embeddings = true;
  save_pretrained(*model, config, Gpt2LmHeadModelImpl::pretrained_traits(), dir / "model");
  auto text = read_file(dir / "model" / "config.json");
  write_file(dir / "model" / "config.json", text.insert(1, "\"reorder_and_upcast_attn\": true,"));
  const auto untied = score();
  CHECK(untied.code == 0);
  CHECK(untied.out == whole.out);
  CHECK_THAT(untied.err, Catch::Contains("note: ") && Catch::Contains((dir / "model").string()) &&
                             Catch::Contains("not tied: lm_head.weight differs from transformer.wte.weight") &&
                             Catch::Contains("config keys not used: reorder_and_upcast_attn"));
}

TEST_CASE("an impossible model is refused before its data is looked at") {
  const TempDir dir;
  const auto train = [&](const std::string& setting) {
    return Process("langzoo-gpt",
                   {"train", "--data", (dir / "none.txt").string(), "--out", (dir / "out").string(), "--set", setting})
        .wait();
  };
  check_error(train("model.n_head=3"), 2, "model: gpt2 config: n_embd = 256 must be a multiple of n_head = 3");
  check_error(train("model.n_head=4"), 1, "none.txt");
}

}  // namespace langzoo::test
