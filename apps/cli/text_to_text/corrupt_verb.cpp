#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/shown_tokens.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/text_to_text/verbs.h"
#include "apps/training/run_tokenizer.h"
#include "data/pretraining/denoising.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

class CorruptVerb : public Verb {
 public:
  std::string name() const override { return "corrupt"; }
  std::string summary() const override { return "what span corruption makes of lines of text"; }
  std::string examples() const override {
    return "corrupt --tokenizer run --data book.txt --seed 1 --json\n"
           "corrupt --tokenizer run --data book.txt --objective prefix_lm\n";
  }
  std::string notes() const override {
    return "Each line is one example, which its number and the seed decide. One that needs more sentinels than the\n"
           "tokenizer has is split into examples of nearly equal lengths, which is said on stderr, as is one that "
           "holds\n"
           "a sentinel itself.\n"
           "Fields under --json: inputs and targets, the ids, an end token last.\n";
  }
  bool heeds_seed() const override { return true; }
  void add_options(Options& options) override {
    options.add("--tokenizer", tokenizer_, "a folder or file with a tokenizer that has <extra_id_0>, ...").required();
    options.add("--data", data_, "a file of texts, one a line, - for stdin").required();
    options.add("--objective", objective_, "what is made of a text")
        .one_of({std::begin(kDenoisingObjectives), std::end(kDenoisingObjectives)});
    const auto masks = [this] {
      return objective_ == kDenoisingObjectives[0] || objective_ == kDenoisingObjectives[2];
    };
    options.add("--noise-density", spans_.noise_density, "share of the tokens that are cut out, or masked")
        .between(1e-9, 1 - 1e-9)
        .needs("--objective span_corruption or iid_denoising", masks);
    options.add("--mean-noise-span-length", spans_.mean_noise_span_length, "tokens cut out in a row, on average")
        .between(1, 1e6)
        .needs("--objective span_corruption", [this] { return objective_ == kDenoisingObjectives[0]; });
  }

  void run(const CommonOptions& common) override {
    const auto tokenizer = load_run_tokenizer(tokenizer_);
    const auto* const found = std::find(std::begin(kDenoisingObjectives), std::end(kDenoisingObjectives), objective_);
    DenoisingOptions options;
    std::vector<std::int64_t> ends;
    encode_from(tokenizer_, [&] {
      options = DenoisingOptions::of(static_cast<DenoisingObjective>(found - std::begin(kDenoisingObjectives)), spans_,
                                     *tokenizer);
      ends = {end_token_of(*tokenizer, "--tokenizer")};
    });
    ReplacedTexts replaced(*tokenizer);
    std::uint64_t number = 0;
    for (LineBatches lines(data_); lines.next();) {
      for (std::size_t i = 0; i < lines.lines().size(); ++i, ++number) {
        std::vector<TokenId> ids;
        encode_from(lines.where(i), [&] { tokenizer->encode(lines.lines()[i], ids); });
        replaced.see(lines.where(i), lines.lines()[i]);
        Random random(common.seed_or(1), number);
        std::vector<std::int64_t> wide(ids.begin(), ids.end());
        std::erase(wide, ends[0]);  // of the text's own, as in training
        if (const auto own =
                std::find_first_of(wide.begin(), wide.end(), options.sentinels.begin(), options.sentinels.end());
            own != wide.end()) {
          std::cerr << fmt::format("warning: {}: holds {} itself, which cannot be told from the sentinel\n",
                                   lines.where(i),
                                   shown_tokens(*tokenizer, std::vector{static_cast<TokenId>(*own)})[0]);
        }
        const auto parts = parts_for_sentinels(std::ssize(wide), options);
        if (parts.size() > 1) {
          std::cerr << fmt::format("warning: {}: needs more sentinels than the {} there are, split into {}\n",
                                   lines.where(i), options.sentinels.size(), parts.size());
        }
        std::size_t begin = 0;
        for (const auto length : parts) {
          auto pair = denoising_pair(std::span(wide).subspan(begin, static_cast<std::size_t>(length)), options, random);
          begin += static_cast<std::size_t>(length);
          pair.inputs.push_back(ends[0]);
          pair.targets.push_back(ends[0]);
          print(pair, *tokenizer, common.json);
        }
      }
    }
    std::cout << std::flush;
  }

 private:
  static void print(const DenoisingPair& pair, const Tokenizer& tokenizer, bool json) {
    if (json) {
      // Not print_json, which flushes each of what may be millions of lines.
      std::cout << JsonValue(JsonMembers{{"inputs", pair.inputs}, {"targets", pair.targets}}).text() << '\n';
      return;
    }
    const auto shown = [&](const std::vector<std::int64_t>& wide) {
      return fmt::format("{}", fmt::join(shown_tokens(tokenizer, std::vector<TokenId>(wide.begin(), wide.end())), " "));
    };
    std::cout << shown(pair.inputs) << '\t' << shown(pair.targets) << '\n';
  }

  std::string tokenizer_, data_, objective_ = std::string(kDenoisingObjectives[0]);
  SpanCorruptionOptions spans_;
};

}  // namespace

std::unique_ptr<Verb> corrupt_verb() {
  return std::make_unique<CorruptVerb>();
}

}  // namespace langzoo
