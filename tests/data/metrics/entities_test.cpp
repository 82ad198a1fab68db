#include "data/metrics/entities.h"

#include "tests/data/metrics/metric_texts.h"
#include "tests/support/plain_test.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

const std::vector<std::pair<std::string, std::optional<TagScheme>>> kSchemes = {
    {"IOB1", TagScheme::kIob1},   {"IOB2", TagScheme::kIob2},   {"IOE1", TagScheme::kIoe1}, {"IOE2", TagScheme::kIoe2},
    {"IOBES", TagScheme::kIobes}, {"BILOU", TagScheme::kBilou}, {"any", std::nullopt}};

using Sentences = std::vector<std::vector<std::string>>;

std::vector<TagSequence> views(const Sentences& sentences) {
  std::vector<TagSequence> all;
  for (const auto& sentence : sentences) all.emplace_back(sentence.begin(), sentence.end());
  return all;
}

/// "PER 0-2" of each.
std::vector<std::string> found(const std::vector<std::string>& tags, std::optional<TagScheme> scheme = {}) {
  std::vector<std::string> all;
  for (const auto& [begin, end, type] : find_entities(TagSequence(tags.begin(), tags.end()), scheme)) {
    all.push_back(fmt::format("{} {}-{}", type, begin, end));
  }
  return all;
}

using Found = std::vector<std::string>;

}  // namespace

TEST_CASE("entities are those of seqeval, in every scheme and without one") {
  const auto golden = metrics_fixture("entities");
  const auto types = golden["types"].get<std::vector<std::string>>();
  REQUIRE(golden["scores"].size() == 1000);
  for (std::size_t i = 0; i < golden["scores"].size(); ++i) {
    const auto& [name, scheme] = kSchemes[i % kSchemes.size()];
    INFO("case " << i << ", " << name);
    const auto letters = golden["schemes"][name].get<std::string>();
    Random random(17, i);
    const auto noise = 1 + random.below(10);
    const auto tag = [&, &types = types] {
      const char letter = letters[random.below(letters.size())];
      const auto& type = types[random.below(random.below(8) != 0 ? 2 : types.size())];
      return letter == 'O' || type.empty() ? std::string(1, letter) : fmt::format("{}-{}", letter, type);
    };
    Sentences truth(1 + random.below(5));
    for (auto& sentence : truth) {
      const auto length = random.below(12);
      for (std::size_t t = 0; t < length; ++t) sentence.push_back(tag());
    }
    auto predicted = truth;
    for (auto& sentence : predicted) {
      for (auto& one : sentence) {
        if (random.below(noise) == 0) one = tag();
      }
    }
    const auto scores = score_entities(views(predicted), views(truth), scheme);
    double support = 0;
    ClassScore sums;
    for (const auto& label : scores.labels) {
      support += static_cast<double>(label.support);
      sums.precision += label.score.precision;
      sums.recall += label.score.recall;
      sums.f1 += label.score.f1;
    }
    std::vector<double> row = {scores.accuracy};
    for (const auto& score : {scores.micro, scores.macro, scores.weighted}) {
      row.insert(row.end(), {score.precision, score.recall, score.f1, support});
    }
    row.insert(row.end(), {static_cast<double>(scores.labels.size()), sums.precision, sums.recall, sums.f1, support});
    REQUIRE(row.size() == golden["scores"][i].size());
    for (std::size_t k = 0; k < row.size(); ++k) {
      CHECK(row[k] == Approx(golden["scores"][i][k].get<double>()).margin(1e-9));
    }
  }
}

TEST_CASE("what ends an entity, as conlleval and as the schemes have it") {
  const std::vector<std::string> tags = {"B-PER", "I-PER", "I-LOC", "O", "I-PER", "B-PER"};
  CHECK(found(tags) == Found{"PER 0-2", "LOC 2-3", "PER 4-5", "PER 5-6"});
  CHECK(found(tags, TagScheme::kIob2) == Found{"PER 0-2", "PER 5-6"});
  // In IOB1 a B that follows no entity begins none, as in seqeval.
  CHECK(found(tags, TagScheme::kIob1) == Found{"PER 1-2", "LOC 2-3", "PER 4-5", "PER 5-6"});
  CHECK(found({"B", "I", "S"}) == Found{"_ 0-2", "_ 2-3"});
  CHECK(found({"B-X", "E-X", "S-Y", "B-X"}, TagScheme::kIobes) == Found{"X 0-2", "Y 2-3"});
  CHECK(found({}).empty());
}

TEST_CASE("what is no tag is refused by its sentence") {
  CHECK_THROWS_WITH(found({"PER"}), "PER is no tag of OBIES");
  CHECK_THROWS_WITH(found({"O-PER"}), "O-PER is no tag of OBIES");
  CHECK_THROWS_WITH(found({"E-PER"}, TagScheme::kIob2), "E-PER is no tag of IOB");
  CHECK_THROWS_WITH(score_entities(views({{"O"}, {"O", "O"}}), views({{"O"}, {"O"}})),
                    "sentence 2: 2 predicted tags, 1 true ones");
  CHECK_THROWS_WITH(score_entities(views({{"O"}}), views({{"x"}})), "sentence 1: x is no tag of OBIES");
  CHECK_THROWS_AS(score_entities(views({{"O"}}), {}), std::invalid_argument);
  const auto nothing = score_entities(views({{}}), views({{}}));
  CHECK(nothing.labels.empty());
  CHECK(nothing.micro.f1 == 0);
}

TEST_CASE("a long sentence takes no quadratic time") {
  const std::vector<std::string> tags(400'000, "S-X");
  const auto scores = score_entities(views({tags}), views({tags}));
  CHECK(scores.micro.f1 == 1);
  CHECK(scores.labels.at(0).support == 400'000);
}
