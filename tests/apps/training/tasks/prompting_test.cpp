#include "tests/support/test.h"

#include <cmath>
#include <utility>

#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/prompting.h"
#include "models/gpt/gpt_neo.h"

namespace langzoo::test {
namespace {

/// A random model of 40 positions, dense and banded layers, and a tokenizer of characters.
const LoadedLm& model() {
  static const TempDir dir;
  static const LoadedLm lm = [] {
    const TextSource letters = [once = true](std::string& text) mutable {
      text = "abcdefghijAnswer: \n";
      return std::exchange(once, false);
    };
    const auto tokenizer =
        make_tokenizer(parse_tokenizer_spec("char", "data.tokenizer"), letters, {}, [](const auto&) {});
    GptNeoConfig config;
    config.vocab_size = static_cast<std::int64_t>(tokenizer->vocab_size());
    config.max_position_embeddings = 40;
    config.hidden_size = 8, config.num_layers = config.num_heads = 2;
    config.attention_types = {{{"global", "local"}, 1}};
    config.window_size = 6;
    config.initializer_range = 0.5;
    config.bos_token_id.reset(), config.eos_token_id.clear();
    torch::manual_seed(5);
    GptNeoForCausalLm(config)->save_pretrained(dir.path());
    tokenizer->save(dir.path());
    return load_causal_lm(dir.path());
  }();
  return lm;
}

double one_by_one(const Continuation& row) {
  const torch::NoGradGuard no_grad;
  double total = 0;
  auto seen = row.context;
  for (const auto id : row.tokens) {
    const auto logits = model().model->logits(torch::tensor(seen, torch::kInt64).unsqueeze(0))[0][-1];
    total += logits.log_softmax(0)[id].item<double>();
    seen.push_back(id);
  }
  return total;
}

PromptExample item_of(std::string text, std::vector<std::string> choices, std::int64_t choice) {
  PromptExample item{.fields = {{"text", std::move(text)}}, .choices = std::move(choices), .choice = choice, .line = 1};
  if (choice >= 0) item.answer = item.choices[static_cast<std::size_t>(choice)];
  return item;
}

PromptTask task_of(AnswerKind metric) {
  return {.name = "t",
          .input = "{text}",
          .target = ": {answer}",
          .choices_field = "options",
          .separator = "\n",
          .metric = metric};
}

}  // namespace

TEST_CASE("rows that share what they begin with are scored as each by itself") {
  std::vector<Continuation> rows = {{{1, 2, 3, 4, 5}, {6}},
                                    {{1, 2, 3, 4, 5}, {7, 8, 9}},
                                    {{1, 2, 3, 4, 6}, {1, 1}},
                                    {{1, 2, 3}, {4, 5}},
                                    {{9}, {1, 2}},
                                    {{9}, {}},
                                    {{9}, {3}},
                                    {{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, {2}},
                                    {{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, {5, 4, 3, 2, 1, 0, 1}}};
  const auto logprobs = log_probabilities(*model().model, rows, model().device);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(i);
    CHECK(logprobs[i] == Approx(one_by_one(rows[i])).margin(1e-5));
  }
  CHECK(log_probabilities(*model().model, {}, model().device).empty());
  rows = {{std::vector<TokenId>(38, 1), {1, 2, 3}}, {std::vector<TokenId>(38, 1), {1, 2, 3, 4}}};
  CHECK(log_probabilities(*model().model, std::span(rows).first(1), model().device)[0] ==
        Approx(one_by_one(rows[0])).margin(1e-5));
  CHECK_THROWS_WITH(log_probabilities(*model().model, rows, model().device),
                    Catch::Contains("42 tokens, but the model's context is 40"));
}

TEST_CASE("white space at a prompt's end belongs to the choice") {
  const auto& tokenizer = *model().tokenizer;
  const auto text_of = [&](const std::vector<TokenId>& ids) { return tokenizer.decode(ids); };
  const auto row = encode_continuation(tokenizer, "ab: \n", "cd");
  CHECK(text_of(row.context) == "ab:");
  CHECK(text_of(row.tokens) == " \ncd");
  CHECK_THROWS_WITH(encode_continuation(tokenizer, " ", "cd"), Catch::Contains("no token to begin with"));
}

TEST_CASE("choices are compared by the rule that is asked for") {
  // ln P, ln P without the question, where it says nothing; tokens, bytes, characters.
  const std::vector<ScoredChoice> choices = {{"a", -2.0, -1.0, 0.9, 1, 1, 1},
                                             {"\xC3\xA9\xC3\xA9", -3.0, -5.0, 0.05, 2, 4, 2},
                                             {"ccc", -3.9, -3.0, 0.05, 1, 8, 4}};
  CHECK(best_choice(choices, ChoiceScore::kSum) == 0);
  CHECK(best_choice(choices, ChoiceScore::kToken) == 1);
  CHECK(best_choice(choices, ChoiceScore::kChar) == 2);
  CHECK(best_choice(choices, ChoiceScore::kByte) == 2);
  CHECK(best_choice(choices, ChoiceScore::kUnconditional) == 1);
  CHECK(best_choice(choices, ChoiceScore::kSum, /*calibrate=*/true) == 1);
}

TEST_CASE("items are answered by their choices' likelihoods, shots and all") {
  const auto task = task_of(AnswerKind::kChoice);
  const std::vector<PromptExample> pool = {item_of("ab", {"c", "dd"}, 0), item_of("ba", {"e", "ff"}, 1),
                                           item_of("cc", {"g", "hh"}, 0)};
  const std::vector<PromptExample> items = {item_of("aa", {"b", "jii", "b"}, 1), item_of("ab", {"c", "dd"}, 0)};
  const Prompts prompts(task, pool, 2, 7);
  std::vector<ChosenItem> results;
  answer_by_choice(model(), prompts, items, {ChoiceScore::kUnconditional, /*calibrate=*/true},
                   [&](const ChosenItem& item) { results.push_back(item); });
  REQUIRE(results.size() == 2);
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(results[i].prompt == prompts.prompt(items[i]));
    CHECK(results[i].answer == static_cast<std::size_t>(items[i].choice));
    double calibrated = 0;
    for (const auto& choice : results[i].choices) {
      const auto row = encode_continuation(*model().tokenizer, results[i].prompt, choice.text);
      CHECK(choice.logprob == Approx(one_by_one(row)).margin(1e-5));
      CHECK(choice.tokens == std::ssize(choice.text) + 1);  // the blank before it
      auto bare = row;
      bare.context.clear();
      model().tokenizer->encode("Answer:", bare.context);
      CHECK(choice.unconditional == Approx(one_by_one(bare)).margin(1e-5));
      calibrated += choice.content_free;
    }
    CHECK(calibrated == Approx(1));
    CHECK(results[i].predicted == best_choice(results[i].choices, ChoiceScore::kUnconditional, true));
  }
  const Prompts bare(task, pool, 0, 7);
  CHECK_THROWS_WITH(answer_by_choice(model(), bare, std::vector{item_of(std::string(60, 'a'), {"b", "c"}, 0)}, {},
                                     [](const ChosenItem&) {}),
                    Catch::Contains("line 1: prompt and choice have 63 tokens, but the model's context is 40"));
}

TEST_CASE("free answers are the same in any batches, and samples vote") {
  const auto task = task_of(AnswerKind::kText);
  std::vector<PromptExample> items;
  // The last leaves no room for 8 tokens: that shortens its answer, not those of its neighbours.
  for (const auto* const text : {"ab", "abcd", "j", "fgfg", "abcdefghijabcdefghijabcdefghijabcd"}) {
    items.push_back({.fields = {{"text", text}}, .answer = "a", .line = std::ssize(items) + 1});
  }
  const Prompts prompts(task, items, 0, 1);
  for (const auto samples : {1, 3}) {
    FreeOptions options{
        .separator = "\n", .samples = samples, .temperature = samples > 1 ? 1.0 : 0.0, .max_new_tokens = 8, .seed = 3};
    options.batch_size = 5;
    const auto answers = [&] {
      std::vector<FreeItem> all;
      answer_freely(model(), prompts, items, options, [&](const FreeItem& item) { all.push_back(item); });
      return all;
    };
    const auto together = answers();
    options.batch_size = 1;
    const auto alone = answers();
    REQUIRE(together.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(together[i].texts == alone[i].texts);
      CHECK(together[i].texts.size() == static_cast<std::size_t>(samples));
      CHECK(together[i].predicted == majority_answer(together[i].extracted, AnswerKind::kText));
      for (const auto& text : together[i].texts) CHECK(text.find('\n') == std::string::npos);
    }
  }
  FreeOptions chains{.chain = Chain::kZeroShot, .separator = "\n", .max_new_tokens = 4, .max_answer_tokens = 3};
  // The triggers have characters that the tokenizer lacks; what is asked is too long for the model.
  CHECK_THROWS_AS(answer_freely(model(), prompts, items, chains, [](const FreeItem&) {}), std::runtime_error);
}

TEST_CASE("an accuracy over draws has its interval") {
  const std::vector<double> values = {0.4, 0.5, 0.6};
  const auto accuracy = accuracy_over(values);
  CHECK(accuracy.mean == Approx(0.5));
  CHECK(accuracy.high - accuracy.mean == Approx(1.959964 * 0.1 / std::sqrt(3.0)));
  CHECK(accuracy.mean - accuracy.low == Approx(accuracy.high - accuracy.mean));
  const auto one = accuracy_over(std::span(values).first(1));
  CHECK((one.low == 0.4 && one.high == 0.4));
  CHECK(accuracy_over(std::vector<double>{1, 1, 0.7}).high == 1);
  CHECK(accuracy_over(std::vector<double>{0, 0, 0.3}).low == 0);
}

}  // namespace langzoo::test
