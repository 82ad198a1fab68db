// Mutated normalizers of tokenizer.json, charsmaps and texts: reading is an error, or what it gives normalizes any text
// to valid UTF-8 whose characters come from within the text, in order.
#include "tests/support/plain_test.h"

#include <stdexcept>

#include "tests/support/fuzz.h"
#include "tokenizers/json_field.h"
#include "tokenizers/normalizers/normalizer.h"
#include "tokenizers/normalizers/precompiled_normalizer.h"
#include "tokenizers/utf8.h"

namespace {

using namespace langzoo;

void check(const Normalizer& normalizer, const std::string& text) {
  NormalizedText normalized(text);
  normalizer.normalize(normalized);
  const std::string& result = normalized.text();
  if (!is_valid_utf8(result)) throw std::logic_error("the result is not UTF-8");
  Offset last{0, 0};
  for (std::size_t at = 0; at < result.size();) {
    const std::size_t end = at + decode_utf8(result, at).length;
    const Offset from = normalized.original(at, end);
    if (from.begin > from.end || from.end > text.size()) throw std::logic_error("an offset is beyond the text");
    if (from.begin < last.begin || from.end < last.end) throw std::logic_error("the offsets are not in order");
    last = from;
    at = end;
  }
}

}  // namespace

LANGZOO_FUZZER(normalizer) {
  const auto goldens = nlohmann::json::parse(test::read_file(test::fixture("tokenizers/normalizers.json")));
  std::vector<std::string> seeds;
  std::vector<std::string> texts;
  for (const auto& [name, golden] : goldens.items()) {
    // A first byte says what the rest is: J a normalizer's JSON, M a charsmap, T a text.
    seeds.push_back("J" + golden["normalizer"].dump());
    texts.clear();
    for (const auto& c : golden["cases"]) texts.push_back(c[0]);
  }
  const auto read = [](const nlohmann::json& described) {
    return read_normalizer(JsonField(described, "normalizer", "fuzz.json"));
  };
  std::vector<std::shared_ptr<const Normalizer>> all;
  for (const auto& [name, golden] : goldens.items()) all.push_back(read(golden["normalizer"]));
  const auto precompiled =
      std::dynamic_pointer_cast<const PrecompiledNormalizer>(read(goldens["precompiled"]["normalizer"]));
  for (int i = 0; i < 8; ++i) seeds.push_back("M" + precompiled->charsmap());
  for (const std::string& text : texts) seeds.push_back("T" + text);

  std::size_t next = 0;
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    if (bytes.empty()) return;
    const std::string rest = bytes.substr(1);
    if (bytes[0] == 'T') {
      check(*all[next++ % all.size()], sanitize_utf8(rest));
    } else if (bytes[0] == 'M') {
      const PrecompiledNormalizer normalizer(rest);
      for (const std::string& text : texts) check(normalizer, text);
    } else {
      const auto normalizer = read(parse_json(rest, "fuzz.json"));
      if (normalizer == nullptr) return;
      check(*normalizer, texts[next++ % texts.size()]);
      normalizer->to_json();
    }
  });
}
