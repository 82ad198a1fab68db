#include "tests/support/test.h"

#include <algorithm>
#include <set>

#include "data/files/file_error.h"
#include "data/knowledge/knowledge_graph.h"
#include "data/knowledge/path_finding.h"
#include "data/knowledge/phrase_matcher.h"
#include "data/knowledge/schema_graph.h"
#include "data/random/random.h"

namespace langzoo::test::knowledge_test {

namespace {

using Catch::Matchers::Contains;

/// a -r-> b -r-> d, a -s-> c -r-> d, d -s-> e, a -s-> d.
KnowledgeGraph diamond() {
  return KnowledgeGraph::of(std::vector<NamedTriple>{
      {"a", "r", "b"}, {"b", "r", "d"}, {"a", "s", "c"}, {"c", "r", "d"}, {"d", "s", "e"}, {"a", "s", "d"}});
}

std::string text_of(const KnowledgeGraph& graph, const GraphPath& path) {
  std::string text = graph.entities()[static_cast<std::size_t>(path.entities[0])];
  for (std::size_t i = 0; i < path.relations.size(); ++i)
    text +=
        " " + graph.name_of(path.relations[i]) + " " + graph.entities()[static_cast<std::size_t>(path.entities[i + 1])];
  return text;
}

std::vector<std::string> paths(const KnowledgeGraph& graph, const char* from, const char* to, PathLimits limits = {}) {
  std::vector<std::string> texts;
  for (const auto& path : find_paths(graph, *graph.find_entity(from), *graph.find_entity(to), limits))
    texts.push_back(text_of(graph, path));
  return texts;
}

}  // namespace

TEST_CASE("triples are read from tables and from ConceptNet's assertions") {
  const TempDir dir;
  write_file(dir / "facts.tsv", "Mary\tlives in\tParis\r\n\nParis\tlies in\tFrance\nMary\tlives in\tParis\n");
  const auto facts = read_triples(dir / "facts.tsv");
  REQUIRE(facts.triples.size() == 3);
  CHECK(facts.triples[1] == NamedTriple{"Paris", "lies in", "France"});
  CHECK(facts.lines == std::vector<std::int64_t>{1, 3, 4});
  const auto graph = KnowledgeGraph::of(facts.triples);
  CHECK(graph.triples().size() == 2);
  CHECK(graph.entities() == std::vector<std::string>{"Mary", "Paris", "France"});
  CHECK(graph.contains({0, 0, 1}));
  CHECK_FALSE(graph.contains({1, 0, 0}));
  CHECK(graph.answers(1, 0 + 2) == std::vector<std::int32_t>{0});
  CHECK(graph.name_of(3) == "~lies in");
  CHECK_THROWS_WITH(graph.ids_of({"Mary", "loves", "Paris"}), "the graph has no relation loves");

  write_file(dir / "conceptnet.csv",
             "/a/[x]\t/r/IsA\t/c/en/wheat/n/wn/food\t/c/en/hard_grain\t{}\n"
             "/a/[y]\t/r/ExternalURL\t/c/en/wheat\thttp://dbpedia.org/Wheat\t{}\n");
  const auto assertions = read_triples(dir / "conceptnet.csv");
  REQUIRE(assertions.triples.size() == 1);
  CHECK(assertions.triples[0] == NamedTriple{"/c/en/wheat", "IsA", "/c/en/hard_grain"});
  CHECK(assertions.left_out == 1);
  CHECK(concept_text("/c/en/hard_grain") == "hard grain");
}

TEST_CASE("what is no file of triples is refused with its line") {
  const TempDir dir;
  const auto refused = [&](const std::string& contents, const std::string& message) {
    write_file(dir / "bad.tsv", contents);
    CAPTURE(contents);
    CHECK_THROWS_AS(read_triples(dir / "bad.tsv"), FileError);
    CHECK_THROWS_WITH(read_triples(dir / "bad.tsv"), Contains("bad.tsv") && Contains(message));
  };
  refused("", "holds no triples");
  refused("\n \n", "holds no triples");
  refused("a\tr\tb\na\tr\n", "line 2: has 2 fields between tabs, expected 3");
  refused("a\tr\tb\tc\n", "line 1: has 4 fields");
  refused("a\t \tb\n", "line 1: the relation is empty");
  refused("a\tr\t\n", "line 1: the tail is empty");
  refused(std::string(1001, 'x') + "\tr\tb\n", "the head has 1001 bytes");
  refused("a\tr\t\xC3\x28\n", "the tail is no UTF-8");
  refused("a\tr\t\xED\xA0\x80\n", "the tail is no UTF-8");
  refused("/a/[x]\t/r/IsA\t/c/en/a\t/c/en/b\t{}\n/a/[x]\t/r/IsA\t/c/en/a\n", "line 2: has 3 fields");
  refused("/a/[x]\tIsA\t/c/en/a\t/c/en/b\t{}\n", "expected a relation");
  CHECK_THROWS_AS(read_triples(dir / "none.tsv"), FileError);
  CHECK_THROWS_WITH(KnowledgeGraph({"a", "a"}, {"r"}, {}), "entities: a comes twice");
  CHECK_THROWS_WITH(KnowledgeGraph({"a", "b"}, {"r"}, std::vector<Triple>{{0, 0, 2}}), Contains("(0, 0, 2)"));
}

TEST_CASE("paths of a graph that a reader can follow") {
  const auto graph = diamond();
  CHECK(paths(graph, "a", "d") == std::vector<std::string>{"a s d", "a r b r d", "a s c r d"});
  CHECK(paths(graph, "d", "a") == std::vector<std::string>{"d ~s a", "d ~r b ~r a", "d ~r c ~s a"});
  CHECK(paths(graph, "a", "e") == std::vector<std::string>{"a s d s e", "a r b r d s e", "a s c r d s e"});
  CHECK(paths(graph, "b", "c") ==
        std::vector<std::string>{"b r d ~r c", "b ~r a s c", "b r d ~s a s c", "b ~r a s d ~r c"});
  CHECK(paths(graph, "a", "e", {.most_hops = 2}) == std::vector<std::string>{"a s d s e"});
  CHECK(paths(graph, "a", "e", {.most_hops = 1}).empty());
  CHECK(paths(graph, "a", "e", {.most_paths = 2}).size() == 2);
  CHECK(paths(graph, "a", "a").empty());
}

TEST_CASE("all paths of random graphs are found, and none twice") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    std::vector<Triple> triples;
    for (int i = 0; i < 14; ++i) {
      const auto id = [&](std::uint64_t n) { return static_cast<std::int32_t>(random.below(n)); };
      triples.push_back({id(7), id(2), id(7)});
    }
    const KnowledgeGraph graph({"a", "b", "c", "d", "e", "f", "g"}, {"r", "s"}, triples);
    // By all sequences of at most three edges.
    std::set<std::string> expected;
    const std::function<void(GraphPath)> walk = [&](const GraphPath& path) {
      if (path.entities.back() == 6) expected.insert(text_of(graph, path));
      if (path.relations.size() == 3 || path.entities.back() == 6) return;
      for (const auto& edge : graph.neighbors(path.entities.back())) {
        if (std::count(path.entities.begin(), path.entities.end(), edge.entity) > 0) continue;
        auto longer = path;
        longer.entities.push_back(edge.entity), longer.relations.push_back(edge.relation);
        walk(longer);
      }
    };
    walk({{0}, {}});
    const auto found = find_paths(graph, 0, 6, {.most_hops = 3, .most_paths = 100'000});
    std::set<std::string> texts;
    std::size_t length = 0;
    for (const auto& path : found) {
      CHECK(path.relations.size() >= length);
      length = path.relations.size();
      CHECK(texts.insert(text_of(graph, path)).second);
    }
    CHECK(texts == expected);
  }
}

TEST_CASE("a hub does not take for ever") {
  std::vector<Triple> triples;
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < 3000; ++i) {
    names.push_back(std::to_string(i));
    if (i > 0) triples.push_back({0, 0, i});
    if (i > 1) triples.push_back({1, 0, i});
  }
  const KnowledgeGraph graph(names, {"r"}, triples);
  CHECK(find_paths(graph, 5, 6, {.most_hops = 4, .most_paths = 1'000'000}).size() < 200'000);
}

TEST_CASE("the longest known phrases of a sequence, from the left") {
  PhraseMatcher matcher;
  using Ids = std::vector<std::int64_t>;
  matcher.add(Ids{1, 2}, 10);
  matcher.add(Ids{1, 2, 3}, 11);
  matcher.add(Ids{3, 4}, 12);
  matcher.add(Ids{2}, 13);
  matcher.add(Ids{1, 2}, 99);  // the first one stays
  const auto match = [&](const Ids& ids) { return matcher.longest_matches(ids); };
  CHECK((match({1, 2, 3, 4}) == std::vector<PhraseMatch>{{0, 3, 11}}));
  CHECK((match({1, 2, 4, 3, 4}) == std::vector<PhraseMatch>{{0, 2, 10}, {3, 5, 12}}));
  CHECK((match({1, 1, 2, 2}) == std::vector<PhraseMatch>{{1, 3, 10}, {3, 4, 13}}));
  CHECK(match({}).empty());
  CHECK_THROWS_AS(matcher.add(Ids{}, 1), std::invalid_argument);
}

TEST_CASE("concepts are found by their names, whatever the language") {
  CHECK(concept_words("The hard-boiled Egg's 3 times") ==
        std::vector<std::string>{"the", "hard", "boiled", "egg", "s", "3", "times"});
  CHECK(concept_words("我掏空了口袋。") == std::vector<std::string>{"我", "掏", "空", "了", "口", "袋"});
  CHECK(concept_words("L'oggetto è «qui»") == std::vector<std::string>{"l", "oggetto", "è", "qui"});
  CHECK(concept_words("\xFF\xC3").size() == 1);
  const KnowledgeGraph graph({"/c/en/egg", "/c/en/hard_egg", "Paris", "/c/zh/口袋"}, {}, {});
  const ConceptFinder finder(graph);
  CHECK(finder.find("In paris a HARD egg, an egg, a hard egg") == std::vector<std::int32_t>{2, 1, 0});
  CHECK(finder.find("我掏空了口袋。") == std::vector<std::int32_t>{3});
  CHECK(finder.find("").empty());
}

TEST_CASE("a schema graph has the concepts of question and answer, and paths that score enough") {
  const auto graph = diamond();
  const ConceptFinder concepts(graph);
  GroundingLimits limits;
  const auto found =
      ground(graph, concepts, "a or b?", "e", limits, [](const GraphPath& path) { return 1.0 / path.entities.size(); });
  CHECK(found.pairs.size() == 2);
  CHECK(found.paths.size() == 3 + 3);
  limits.path_threshold = 0.3;
  const auto fewer =
      ground(graph, concepts, "a or b?", "e", limits, [](const GraphPath& path) { return 1.0 / path.entities.size(); });
  CHECK(fewer.paths.size() == 2);
  CHECK(ground(graph, concepts, "e", "e", {}, [](const GraphPath&) { return 1.0; }).pairs.empty());

  std::vector<std::int64_t> numbers = {7};
  found.append_to(numbers);
  fewer.append_to(numbers);
  std::size_t at = 1;
  const auto first = SchemaGraph::read_from(numbers, at), second = SchemaGraph::read_from(numbers, at);
  CHECK(at == numbers.size());
  CHECK(first.nodes == found.nodes);
  CHECK(second.pairs == fewer.pairs);
  REQUIRE(first.paths.size() == found.paths.size());
  CHECK(first.paths[2].nodes == found.paths[2].nodes);
  CHECK(first.paths[2].relations == found.paths[2].relations);
  numbers.pop_back();
  at = 1;
  SchemaGraph::read_from(numbers, at);
  CHECK_THROWS_AS(SchemaGraph::read_from(numbers, at), std::out_of_range);
}

TEST_CASE("wrong triples are wrong, and drawn from both ends") {
  Random random(1);
  std::vector<Triple> triples;
  const auto id = [&](std::uint64_t n) { return static_cast<std::int32_t>(random.below(n)); };
  for (int i = 0; i < 20; ++i) triples.push_back({id(7), id(2), id(7)});
  const KnowledgeGraph graph({"a", "b", "c", "d", "e", "f", "g"}, {"r", "s"}, triples);
  int heads = 0;
  for (int i = 0; i < 400; ++i) {
    const auto& right = triples[static_cast<std::size_t>(i % 20)];
    const auto wrong = corrupted(right, graph, random);
    CHECK_FALSE(graph.contains(wrong));
    CHECK((wrong.head == right.head || wrong.tail == right.tail));
    CHECK(wrong.relation == right.relation);
    heads += wrong.head != right.head;
  }
  CHECK(heads > 120);
  CHECK(heads < 280);
  // All there is holds.
  const KnowledgeGraph full({"a", "b"}, {"r"}, std::vector<Triple>{{0, 0, 0}, {0, 0, 1}, {1, 0, 0}, {1, 0, 1}});
  corrupted({0, 0, 0}, full, random);
  CHECK(corrupted({0, 0, 0}, KnowledgeGraph({"a"}, {"r"}, {}), random) == Triple{0, 0, 0});
}

}  // namespace langzoo::test::knowledge_test
