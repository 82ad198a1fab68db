#include "tests/support/test.h"

#include <map>
#include <set>

#include "data/microworld/knowledge.h"
#include "data/microworld/tasks.h"

namespace langzoo::test::microworld_knowledge_test {

namespace {

KnowledgeGraph whole(std::uint64_t seed) {
  auto [known, held_out] = microworld_facts(seed);
  known.insert(known.end(), held_out.begin(), held_out.end());
  return KnowledgeGraph::of(known);
}

std::string name_in(const MentionedText& text, std::size_t i) {
  const auto& [entity, begin, end] = text.mentions.at(i);
  return text.text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace

TEST_CASE("microworld's facts are a seed's, and what is held out is new but for its names") {
  const auto [known, held_out] = microworld_facts(3);
  CHECK((known == microworld_facts(3).known));
  CHECK((known != microworld_facts(4).known));
  CHECK(known.size() > 2000);
  CHECK(held_out.size() > 300);
  const auto graph = KnowledgeGraph::of(known);
  CHECK(graph.relations().size() == 17);
  for (const auto& fact : held_out) CHECK_FALSE(graph.contains(graph.ids_of(fact)));
  CHECK(graph.triples().size() == known.size());
}

TEST_CASE("relations: a sentence fits four of them, and those that validate are held out") {
  const auto graph = KnowledgeGraph::of(microworld_facts(3).known);
  const auto all = whole(3);
  std::set<std::string> names[2];
  for (const auto part : {KnowledgePart::kTold, KnowledgePart::kUntold}) {
    std::map<std::string, std::map<std::string, int>> labels;  // of a sentence without its names
    const auto examples = microworld_relations(3, 2000, part);
    CHECK(examples.size() == 2000);
    for (const auto& example : examples) {
      const auto head = name_in(example, 0), tail = name_in(example, 1);
      REQUIRE(head == example.mentions[0].entity);
      REQUIRE(tail == example.mentions[1].entity);
      const auto& relation = example.labels.at(0);
      CHECK(all.contains(all.ids_of({head, relation, tail})));
      CHECK(graph.contains(graph.ids_of({head, relation, tail})) == (part == KnowledgePart::kTold));
      names[part == KnowledgePart::kTold].insert(head);
      auto sentence = example.text;
      for (const auto& name : {head, tail}) sentence.replace(sentence.find(name), name.size(), "X");
      ++labels[sentence][relation];
    }
    for (const auto& [sentence, counts] : labels) {
      CAPTURE(sentence);
      CHECK(counts.size() == 4);
      int sum = 0, most = 0;
      for (const auto& [label, count] : counts) sum += count, most = std::max(most, count);
      CHECK(most < 0.4 * sum);
    }
  }
  for (const auto& name : names[0]) CHECK(names[1].count(name) == 0);
}

TEST_CASE("typing: a coarse and a fine type, of names that differ between the parts") {
  std::set<std::string> told;
  for (const auto& example : microworld_types(5, 500, KnowledgePart::kTold)) told.insert(name_in(example, 0));
  std::set<std::vector<std::string>> labels;
  for (const auto& example : microworld_types(5, 500, KnowledgePart::kUntold)) {
    CHECK(told.count(name_in(example, 0)) == 0);
    labels.insert(example.labels);
  }
  CHECK(labels == std::set<std::vector<std::string>>{
                      {"being", "person"}, {"group", "company"}, {"thing", "book"}, {"thing", "ship"}});
  CHECK(microworld_types(5, 0, KnowledgePart::kTold).empty());
  CHECK_THROWS_AS(microworld_types(5, -1, KnowledgePart::kTold), std::invalid_argument);
}

TEST_CASE("questions are answered by two or three facts, and their wrong answers are of the same kind") {
  const auto graph = whole(7);
  const auto kind = [&](const std::string& name) {  // the relations that lead there
    std::set<std::int32_t> relations;
    for (const auto& edge : graph.neighbors(*graph.find_entity(name)))
      relations.insert(edge.relation >= 17 && graph.name_of(edge.relation) == "~lies_in" ? 1 : 0);
    return relations.count(1) > 0;
  };
  int at[5] = {};
  for (const auto& [premise, choices, label, line] : microworld_graph_questions(7, 400, KnowledgePart::kUntold)) {
    CHECK(std::set<std::string>(choices.begin(), choices.end()).size() == 5);
    ++at[label];
    for (const auto& choice : choices) CHECK(kind(choice) == kind(choices[static_cast<std::size_t>(label)]));
    if (premise.starts_with("In which country is the home of") && premise.find("captain") == std::string::npos) {
      const auto begin = premise.rfind(' ') + 1;
      const auto person = *graph.find_entity(premise.substr(begin, premise.size() - 1 - begin));
      const auto town = graph.answers(person, *graph.find_relation("lives_in")).at(0);
      const auto country = graph.answers(town, *graph.find_relation("lies_in")).at(0);
      CHECK(graph.entities()[static_cast<std::size_t>(country)] == choices[static_cast<std::size_t>(label)]);
    }
  }
  for (const auto count : at) CHECK(count > 50);

  // Who chooses the answer that was right most often of others is right of a fifth: leaders are few, but all who may
  // be chosen are.
  std::map<std::string, double> right, offered;
  for (const auto& [premise, choices, label, line] : microworld_graph_questions(7, 2000, KnowledgePart::kTold)) {
    ++right[choices[static_cast<std::size_t>(label)]];
    for (const auto& choice : choices) ++offered[choice];
  }
  int guessed = 0;
  const auto asked = microworld_graph_questions(7, 2000, KnowledgePart::kUntold);
  for (const auto& [premise, choices, label, line] : asked) {
    const auto share = [&](const std::string& name) { return (right[name] + 1) / (offered[name] + 5); };
    const auto best = std::max_element(choices.begin(), choices.end(),
                                       [&](const auto& a, const auto& b) { return share(a) < share(b); });
    guessed += best - choices.begin() == label;
  }
  CHECK(guessed < 0.24 * 2000);
}

TEST_CASE("the chronicle tells known facts of those that are told of") {
  const auto text = microworld_chronicle(3, 6, 20'000);
  CHECK(text == microworld_chronicle(3, 6, 20'000));
  CHECK(text != microworld_chronicle(3, 7, 20'000));
  CHECK(text.size() >= 20'000);
  CHECK(text.ends_with("\n\n"));
  for (const auto& example : microworld_types(3, 300, KnowledgePart::kUntold))
    CHECK(text.find(example.mentions[0].entity + " ") == std::string::npos);
  CHECK(microworld_phrases().find("old key\n") != std::string::npos);
}

TEST_CASE("knowledge tasks as files: an even seed's are to train on, in English") {
  const auto english = MicroworldLanguage::kEnglish;
  const auto relations = microworld_task_file(MicroworldTask::kRelations, 6, 3, english);
  CHECK(relations.find(R"("ents":[[")") != std::string::npos);
  const auto first = microworld_relations(3, 1, KnowledgePart::kTold).at(0);
  CHECK(relations.starts_with(R"({"text":")" + first.text));
  CHECK(microworld_task_file(MicroworldTask::kTypes, 7, 1, english).find(R"("label":[")") != std::string::npos);
  CHECK(microworld_task_file(MicroworldTask::kGraphQuestions, 7, 1, english).find("choice5") != std::string::npos);
  CHECK_THROWS_WITH(microworld_task_file(MicroworldTask::kTypes, 7, 1, MicroworldLanguage::kKorean),
                    "microworld's knowledge is told in English alone");
}

}  // namespace langzoo::test::microworld_knowledge_test
