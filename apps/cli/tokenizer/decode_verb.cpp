#include <iostream>

#include "apps/cli/tokenizer/encoding_json.h"
#include "apps/cli/tokenizer/input.h"
#include "apps/cli/tokenizer/verbs.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

namespace {

class DecodeVerb : public Verb {
 public:
  std::string name() const override { return "decode"; }
  std::string summary() const override { return "ids to text"; }
  std::string examples() const override {
    return "decode --tokenizer gpt2 --ids ids.txt\n"
           "decode --tokenizer bert --ids encoded.jsonl --skip-special-tokens\n"
           "echo \"15496, 995\" | {program} decode --tokenizer gpt2\n";
  }
  std::string notes() const override {
    return "Without --ids the lists come from stdin. A list is a line: [1,2], {\"ids\": [1,2]} (as encode --json "
           "writes),\n"
           "or numbers with spaces or commas between them. The result is a line {\"text\": ...} for each.\n";
  }
  void add_options(Options& options) override {
    options.add("--tokenizer", path_, "a tokenizer's folder or file").required();
    options.add("--ids", ids_, "a file with one list of ids a line");
    options.add("--skip-special-tokens", skip_special_tokens_, "leave [CLS] and the like out");
    errors_.add_options(options);
  }
  void run(const CommonOptions& common) override {
    LineBatches batches(ids_);
    const auto tokenizer = load_tokenizer(path_);
    while (batches.next()) {
      std::vector<std::string> results(batches.lines().size());
      const auto where = [&](std::size_t i) { return batches.where(i); };
      errors_.for_each(results.size(), threads_of(common), where, [&](std::size_t i) {
        const auto text = tokenizer->decode(parse_ids(batches.lines()[i]), skip_special_tokens_);
        results[i] = "{\"text\":";
        append_json_string(results[i], text);
        results[i] += "}\n";
      });
      for (const auto& result : results) std::cout << result;
      std::cout.flush();
    }
    errors_.report();
  }

 private:
  std::string path_, ids_;
  bool skip_special_tokens_ = false;
  LineErrors errors_;
};

}  // namespace

std::unique_ptr<Verb> decode_verb() {
  return std::make_unique<DecodeVerb>();
}

}  // namespace langzoo
