// Mutated .model files: loading one is an error or gives a tokenizer whose remembered words agree with the library, and
// which samples.
#include "tests/support/plain_test.h"

#include <stdexcept>

#include "tests/support/fuzz.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/sentencepiece_pipeline.h"

LANGZOO_FUZZER(sentencepiece) {
  using namespace langzoo;
  std::vector<std::string> seeds;
  for (const char* name : {"unigram", "unigram_bytes", "unigram_spaces", "unigram_suffix", "bpe", "bpe_bytes", "word",
                           "char", "albert/spiece", "t5/spiece"}) {
    seeds.push_back(test::read_file(test::fixture(std::string("tokenizers/sentencepiece/") + name + ".model")));
  }
  return test::fuzz_main(argc, argv, seeds, [&](const std::string& bytes) {
    const SentencePiece tokenizer(bytes, "fuzz.model");
    // The mutated bytes are text too.
    const std::string_view middle = std::string_view(bytes).substr(bytes.size() / 2, 200);
    for (const std::string& text :
         {std::string(
              "the lamp  carries a\xE3\x80\x80river \xC2\xBD \xE2\x96\x81x e\xCC\x81 <sep>\n the lamp carries "),
          std::string(middle)}) {
      const Encoding encoding = tokenizer.encode(text, {.tokens = true});
      for (int i = 0; i < 2; ++i) {
        std::vector<TokenId> ids;
        tokenizer.encode(text, ids);
        if (ids != encoding.ids) throw std::logic_error("remembered words have other ids than the library");
      }
      SubwordSampling sampling{.bpe_dropout = 0.5, .unigram_alpha = 0.3};
      const Encoding sampled = tokenizer.encode(text, {.tokens = true, .sampling = &sampling});
      tokenizer.decode(encoding.ids);
      tokenizer.decode(sampled.ids);
      tokenizer.cut_point(text, 40);
    }
    const auto make = [&](int kind) {
      switch (kind) {
        case 0:
          return albert_pipeline(bytes, "fuzz.model");
        case 1:
          return xlm_roberta_pipeline(bytes, "fuzz.model");
        case 2:
          return llama_pipeline(bytes, "fuzz.model", PrependScheme::First);
        default:
          return plain_pipeline(bytes, "fuzz.model");
      }
    };
    for (int kind = 0; kind < 4; ++kind) {
      try {
        SentencePiecePipeline made = make(kind);
        const Pipeline pipeline(std::move(made.parts), std::move(made.rules));
        pipeline.decode(pipeline.encode("the lamp  carries <sep> \u6cb3 \u2581x").ids);
      } catch (const std::runtime_error&) {  // no such model
      } catch (const std::invalid_argument&) {
      }
    }
  });
}
