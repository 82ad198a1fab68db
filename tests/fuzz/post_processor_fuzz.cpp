// Mutated post-processors of tokenizer.json: reading one is an error, or it encodes texts and pairs with windows.
#include "tests/support/plain_test.h"

#include "tests/support/fuzz.h"
#include "tokenizers/json_field.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/tokenizer.h"

LANGZOO_FUZZER(post_processor) {
  using namespace langzoo;
  const auto goldens = nlohmann::json::parse(test::read_file(test::fixture("tokenizers/post_processing.json")));
  std::vector<std::string> seeds;
  for (const auto& processor : goldens["processors"]) seeds.push_back(processor.dump());
  const auto tokenizer = load_tokenizer(test::fixture("tokenizers/prefix_space.json"));
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    const std::filesystem::path path = "fuzz/tokenizer.json";
    const nlohmann::json value = parse_json(bytes, path);
    const auto processor = read_post_processor(JsonField(value, "post_processor", path));
    if (processor) {
      const nlohmann::json again = parse_json(processor->to_json(), path);
      read_post_processor(JsonField(again, "post_processor", path));
    }
    tokenizer->set_rules({processor, {}, {}});
    const std::string text = "the lamp\xE3\x80\x80 <|endoftext|>\xC3\xA9 it's \xFF",
                      pair = " river\n caf\xC3\xA9 kettle";
    for (const bool special : {true, false}) {
      EncodeOptions options{.add_special_tokens = special, .padding = Padding{.pad_to_multiple_of = 8}};
      tokenizer->encode(text, options);
      options.truncation = Truncation{.max_length = 9, .stride = 1};
      tokenizer->encode_pair(text, pair, options);
    }
  });
}
