#include <algorithm>
#include <iostream>
#include <iterator>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/line_batches.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/text_to_text/verbs.h"
#include "apps/training/run_tokenizer.h"
#include "data/files/file_error.h"
#include "data/parallel/parallel_corpus.h"
#include "models/encoder.h"
#include "models/encoder_decoder.h"
#include "models/registry.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Texts that are read and printed at a time: enough to find some of like length.
constexpr std::size_t kEncodedAtOnce = 512;

/// What a model's encoder makes of a batch of texts.
using EncodeBatch = std::function<torch::Tensor(const torch::Tensor& source, const torch::Tensor& lengths)>;

class EncodeTextsVerb : public ModelVerb {
 public:
  std::string name() const override { return "encode"; }
  std::string summary() const override { return "the encoder's states of texts"; }
  std::string examples() const override {
    return "encode --model run --data lines.txt --json\n"
           "encode --model run --data lines.txt --batch-size 64 --json > states.jsonl\n";
  }
  std::string notes() const override {
    return "Of an encoder-decoder or of an encoder alone (T5EncoderModel). Fields under --json, a line a text: ids "
           "(the\n"
           "end token last) and states, one of them a token. Without it: a line of numbers a token, a blank line "
           "behind\n"
           "each text.\n";
  }
  void add_own_options(Options& options) override {
    ModelVerb::add_own_options(options);
    options.add("--data", data_, "a file of texts, one a line, - for stdin").required();
    options.add("--max-source", max_source_, "tokens of the longest text, its end token included; longer ones are cut")
        .range(2, 1 << 20);
    options.add("--batch-size", batch_size_, "texts computed together; the results do not depend on it")
        .range(1, 1 << 16);
  }

  void compute(const ComputeOptions& common) override {
    const auto module = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      auto loaded = registered_model(model_).load(model_, report, {.dtype = options.dtype});
      loaded->to(options.device);
      return loaded;
    });
    module->eval();
    const auto device = common.torch_device();
    const auto encode = encoder_of(*module);
    const auto tokenizer = load_model_tokenizer(model_, vocabulary_of(*module));
    special_.source_end = end_token_of(*tokenizer, "--model");
    std::vector<std::vector<TokenId>> texts;
    const auto flush = [&] {
      print(texts, encode, device, common.json);
      texts.clear();
    };
    ReplacedTexts replaced(*tokenizer);
    for (LineBatches lines(data_); lines.next();) {
      for (std::size_t i = 0; i < lines.lines().size(); ++i) {
        auto& ids = texts.emplace_back();
        encode_from(lines.where(i), [&] { tokenizer->encode(lines.lines()[i], ids); });
        replaced.see(lines.where(i), lines.lines()[i]);
        if (std::ssize(ids) >= max_source_) {
          std::cerr << fmt::format("{}: {} tokens, cut to {}\n", lines.where(i), ids.size(), max_source_ - 1);
          ids.resize(static_cast<std::size_t>(max_source_ - 1));
        }
        if (texts.size() == kEncodedAtOnce) flush();
      }
      flush();
    }
  }

 private:
  EncodeBatch encoder_of(torch::nn::Module& module) const {
    if (auto* const both = dynamic_cast<EncoderDecoder*>(&module)) {
      return [both, this](const torch::Tensor& source, const torch::Tensor& lengths) {
        auto states = both->encoder_states(source, lengths);
        if (!states.defined()) throw std::runtime_error(fmt::format("{}: the encoder has no states to show", model_));
        return states;
      };
    }
    auto* const encoder = dynamic_cast<EncoderModel*>(&module);
    if (encoder == nullptr) {
      throw std::runtime_error(fmt::format(
          "{}: holds a {}; shown are the encoder's states of a T5ForConditionalGeneration, T5EncoderModel or "
          "T5ForTokenClassification",
          model_, registered_model(model_).architecture));
    }
    return [encoder](const torch::Tensor& source, const torch::Tensor& lengths) {
      const auto mask = torch::arange(source.size(1), source.device()) < lengths.unsqueeze(1);
      return encoder->encoder().encode({.ids = source, .attention_mask = mask}).hidden;
    };
  }

  static std::int64_t vocabulary_of(torch::nn::Module& module) {
    if (const auto* const both = dynamic_cast<EncoderDecoder*>(&module)) return both->source_vocab_size();
    return dynamic_cast<TokenModel&>(module).vocab_size();
  }

  /// Those of like length together, printed in their order.
  void print(const std::vector<std::vector<TokenId>>& texts, const EncodeBatch& encode, torch::Device device,
             bool json) const {
    const c10::InferenceMode inference;
    std::vector<std::size_t> order(texts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return texts[a].size() > texts[b].size(); });
    std::vector<torch::Tensor> states(texts.size());
    const auto step = static_cast<std::size_t>(batch_size_);
    for (std::size_t first = 0; first < order.size(); first += step) {
      const auto rows = std::span(order).subspan(first, std::min(step, order.size() - first));
      std::vector<std::span<const TokenId>> sources;
      for (const auto row : rows) sources.emplace_back(texts[row]);
      const auto batch = source_batch(sources, special_);
      const auto hidden =
          encode(batch.source.to(device), batch.source_lengths.to(device)).to(torch::kCPU, torch::kFloat32);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i);
        states[rows[i]] = hidden[row].narrow(0, 0, batch.source_lengths[row].item<std::int64_t>()).contiguous();
      }
    }
    for (std::size_t i = 0; i < texts.size(); ++i) print(texts[i], states[i], json);
    std::cout << std::flush;
  }

  void print(std::vector<TokenId> ids, const torch::Tensor& states, bool json) const {
    ids.push_back(*special_.source_end);
    const auto* value = states.data_ptr<float>();
    // As text, and by hand: a document has hundreds of thousands of numbers.
    fmt::memory_buffer text;
    const auto add = [&](std::string_view part) { text.append(part.data(), part.data() + part.size()); };
    if (json) add(fmt::format("{{\"ids\":{},\"states\":[", JsonValue(ids).text()));
    for (std::int64_t token = 0; token < states.size(0); ++token) {
      if (json) add(token > 0 ? ",[" : "[");
      for (std::int64_t i = 0; i < states.size(1); ++i, ++value) {
        if (i > 0) text.push_back(json ? ',' : ' ');
        if (json && !std::isfinite(*value)) {
          add("null");
        } else {
          fmt::format_to(std::back_inserter(text), "{}", *value);
        }
      }
      add(json ? "]" : "\n");
    }
    add(json ? "]}\n" : "\n");
    std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
  }

  std::string data_;
  std::int64_t max_source_ = 1024, batch_size_ = 32;
  ParallelSpecialTokens special_;
};

}  // namespace

std::unique_ptr<Verb> encode_texts_verb() {
  return std::make_unique<EncodeTextsVerb>();
}

}  // namespace langzoo
