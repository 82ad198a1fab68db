#include "models/generation/decoding_options.h"

#include "tests/support/test.h"

namespace langzoo {
namespace {

TEST_CASE("decoding options that cannot be are named") {
  const auto message = [](auto&& change) -> std::string {
    DecodingOptions options;
    change(options);
    try {
      options.validate();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  using O = DecodingOptions;
  CHECK(message([](O&) {}).empty());
  CHECK(message([](O& o) { o.max_new_tokens = 0; }) == "max_new_tokens is 0; it must be at least 1");
  CHECK(message([](O& o) { o.min_new_tokens = 129; }) ==
        "min_new_tokens is 129; it must be between 0 and max_new_tokens");
  CHECK(message([](O& o) { o.min_length = -1; }) == "min_length is -1; it must be 0 or more");
  CHECK(message([](O& o) { o.num_return_sequences = 0; }).find("num_return_sequences is 0") == 0);
  CHECK(message([](O& o) { o.eos_token_ids = {-1}; }).find("eos_token_id is -1") == 0);
  CHECK(message([](O& o) { o.repetition_penalty = 0; }).find("repetition_penalty is 0") == 0);
  CHECK(message([](O& o) { o.repetition_penalty = NAN; }).find("repetition_penalty is nan") == 0);
  CHECK(message([](O& o) { o.no_repeat_ngram_size = -1; }).find("no_repeat_ngram_size is -1") == 0);
  CHECK(message([](O& o) {
          o.bad_words_ids = {{1}, {}};
        }) == "bad_words_ids holds an empty sequence; each must hold a token");
  CHECK(message([](O& o) { o.bad_words_ids = {{1}, {2, -3}}; }) == "bad_words_ids is -3; it must be a token's id");
  CHECK(message([](O& o) { o.forced_bos_token_id = -4; }).find("forced_bos_token_id is -4") == 0);
  CHECK(message([](O& o) { o.forced_eos_token_id = {-5}; }).find("forced_eos_token_id is -5") == 0);
  CHECK(message([](O& o) { o.suppress_tokens = {-1}; }).find("suppress_tokens is -1") == 0);
  CHECK(message([](O& o) { o.begin_suppress_tokens = {-1}; }).find("begin_suppress_tokens is -1") == 0);
  CHECK(message([](O& o) {
          o.forced_bos_token_id = 4, o.suppress_tokens = {3, 4};
        }) == "forced_bos_token_id: suppress_tokens forbids 4");
  CHECK(message([](O& o) {
          o.forced_eos_token_id = {3, 4}, o.suppress_tokens = {4, 3};
        }) == "forced_eos_token_id: suppress_tokens forbids 3");
  CHECK(message([](O& o) { o.forced_eos_token_id = {3, 4}, o.suppress_tokens = {4}; }).empty());
  CHECK(message([](O& o) {
          o.suppress_tokens = {4}, o.prefixes = {{1, 4}};
        }) == "prefixes: that of source 0 holds 4, which suppress_tokens forbids");
  CHECK(message([](O& o) { o.processors = {nullptr}; }) == "processors holds a null pointer");
  CHECK(message([](O& o) { o.max_new_tokens = 2, o.prefixes = {{}, {1, 2}}; }).empty());
  CHECK(message([](O& o) {
          o.max_new_tokens = 2, o.forced_eos_token_id = {3}, o.prefixes = {{}, {1, 2}};
        }) == "prefixes: that of source 1 has 2 tokens; max_new_tokens is 2, of which the last is forced");
}

}  // namespace
}  // namespace langzoo
