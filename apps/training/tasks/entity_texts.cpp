#include "apps/training/tasks/entity_texts.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/derived_kind.h"
#include "data/files/file_error.h"
#include "data/metrics/classification.h"
#include "data/microworld/knowledge.h"
#include "data/pretraining/pretraining.h"
#include "data/tasks/text_rows.h"
#include "models/knowledge_reader.h"
#include "third_party/torch.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// The ents of a row. Throws std::runtime_error for what is none.
std::vector<EntityMention> mentions_of(const std::string& json, std::int64_t characters) {
  const auto wrong = [](const std::string& what) {
    return std::runtime_error("ents: " + what + "; expected [[\"name\", first character, end], ...]");
  };
  const auto list = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) throw wrong("is no JSON list");
  std::vector<EntityMention> mentions;
  for (const auto& ent : list) {
    const bool fits = ent.is_array() && ent.size() >= 3 && ent[0].is_string() && ent[1].is_number_integer() &&
                      ent[2].is_number_integer();
    if (!fits) throw wrong("holds " + ent.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80));
    mentions.push_back({ent[0].get<std::string>(), ent[1].get<std::int64_t>(), ent[2].get<std::int64_t>()});
    const auto& [name, begin, end] = mentions.back();
    if (begin < 0 || begin >= end || end > characters)
      throw wrong(fmt::format("{} from {} to {} of a text of {} characters", name, begin, end, characters));
  }
  return mentions;
}

/// Classification of texts whose names are known; LabelledText::pair is the ents as they are written.
class EntityTexts : public DerivedKind<LabelledText> {
 public:
  using Raw = LabelledText;

  EntityTexts(std::size_t marked, ExampleFormat format)
      : DerivedKind(classification(), std::move(format)), marked_(marked) {}

  bool accepts(const TokenModel& model) const override {
    const auto* const reader = dynamic_cast<const EntityReader*>(&model);
    return reader != nullptr && dynamic_cast<const SequenceClassifier*>(&model) != nullptr &&
           reader->marked_names() == static_cast<std::int64_t>(marked_);
  }
  std::unique_ptr<RawExamples> read(const fs::path& file, const ExampleReading& reading) const override {
    auto names = column_names(reading.columns.empty() ? format_.columns : reading.columns);
    if (reading.columns.empty() && !reading.targets) names.pop_back();
    const std::size_t wanted = reading.targets ? 3 : 2;
    if (names.size() != wanted)
      throw std::invalid_argument(fmt::format("expected {} columns: {}", wanted, format_.columns));
    std::vector<TableColumn> columns;
    for (std::size_t i = 0; i < names.size(); ++i) columns.push_back({names[i], true, false, /*list=*/i > 0});
    auto examples = std::make_unique<RawExamplesOf<Raw>>();
    for (auto& row : read_rows(file, columns, reading.format, reading.unread)) {
      Raw raw{std::move(row.values[0]), std::move(row.values[1]), "", row.line};
      if (reading.targets) raw.label = std::move(row.values[2]);
      try {
        const auto mentions = mentions_of(raw.pair, static_cast<std::int64_t>(count_characters(raw.text)));
        if (mentions.size() < marked_)
          throw std::runtime_error(fmt::format("ents: {} names, expected {} at least", mentions.size(), marked_));
      } catch (const std::runtime_error& error) {
        throw FileError(file, fmt::format("line {}: {}", raw.line, error.what()));
      }
      examples->items.push_back(std::move(raw));
    }
    return examples;
  }
  std::unique_ptr<RawExamples> of_texts(const std::vector<std::string>& /*texts*/) const override { return nullptr; }
  std::vector<std::string> texts(const RawExamples& examples, std::int64_t i) const override {
    return {raw_of(examples, i).text};
  }
  std::vector<TokenExample> encode(const RawExamples& examples, std::int64_t i,
                                   const ExampleEncoding& encoding) const override {
    auto encoded = behind_.encode(examples, i, encoding);
    encode_names(raw_of(examples, i), encoding, encoded.front());
    return encoded;
  }
  std::vector<std::string> notes(const EncodedExamples& encoded, const ExampleEncoding& encoding) const override {
    auto notes = ExampleKind::notes(encoded, encoding);
    std::int64_t names = 0, unknown = 0;
    for (std::int64_t i = 0; i < encoded.examples.size(); ++i) {
      const auto knowledge = encoded.examples.knowledge(i);
      for (std::size_t k = 1; k < knowledge.size(); k += 2) ++names, unknown += knowledge[k] < 0;
    }
    if (unknown > 0) notes.push_back(fmt::format("the graph does not know {} of {} names", unknown, names));
    return notes;
  }
  torch::Tensor logits(TokenModel& model, const TokenBatch& batch) const override {
    return dynamic_cast<SequenceClassifier&>(model).logits(entity_inputs(batch));
  }
  EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     const std::vector<torch::Tensor>& logits) const override {
    auto metrics = behind_.scores(model, raw, encoded, logits);
    const auto& classifier = dynamic_cast<const SequenceClassifier&>(model);
    std::map<std::string_view, LabelCounts> counts;
    std::vector<std::vector<std::string>> chosen;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      chosen.push_back(chosen_labels(classifier, class_probabilities(classifier, logits[i])));
      const auto example = static_cast<std::int64_t>(i);
      for (const auto& [id, name] : classifier.labels().id2label) {
        const auto values = encoded.examples.values(example);
        const bool wanted =
            values.empty() ? encoded.examples.labels(example)[0] == id : values[static_cast<std::size_t>(id)] > 0;
        const bool given = std::find(chosen.back().begin(), chosen.back().end(), name) != chosen.back().end();
        auto& count = counts[name];
        count.predicted += given, count.truth += wanted, count.correct += given && wanted;
      }
    }
    metrics["micro_f1"] = {.value = average_labels(counts).micro.f1, .direction = Direction::kHigherIsBetter};
    return metrics;
  }

 private:
  /// [CLS] text [SEP], names between their marks.
  void encode_names(const Raw& raw, const ExampleEncoding& encoding, TokenExample& example) const {
    const auto& reader = dynamic_cast<const EntityReader&>(encoding.model);
    const auto special = PretrainingTokens::of(encoding.tokenizer);
    std::vector<std::size_t> bytes;  // where characters begin
    for (std::size_t at = 0; at < raw.text.size(); at += decode_utf8(raw.text, at).length) bytes.push_back(at);
    bytes.push_back(raw.text.size());
    auto mentions = mentions_of(raw.pair, static_cast<std::int64_t>(bytes.size()) - 1);
    std::vector<std::size_t> order(mentions.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return mentions[a].begin < mentions[b].begin; });
    TokenRow row;
    row.ids.push_back(static_cast<TokenId>(special.cls));
    const auto add = [&](std::size_t begin, std::size_t end) {
      encoding.tokenizer.encode(std::string_view(raw.text).substr(begin, end - begin), row.ids);
    };
    std::size_t at = 0;
    for (const auto i : order) {
      const auto& [name, first, last] = mentions[i];
      const auto begin = bytes[static_cast<std::size_t>(first)], end = bytes[static_cast<std::size_t>(last)];
      if (begin < at) throw std::runtime_error(fmt::format("ents: {} overlaps the name before it", name));
      add(at, begin);
      const auto mark = static_cast<TokenId>(i < marked_ ? reader.marker(static_cast<std::int64_t>(i)) : 0);
      if (i < marked_) row.ids.push_back(mark);
      example.knowledge.push_back(static_cast<std::int64_t>(row.ids.size()));
      example.knowledge.push_back(reader.entity_id(name));
      add(begin, end);
      if (i < marked_) row.ids.push_back(mark);
      at = end;
    }
    add(at, raw.text.size());
    const auto most = static_cast<std::size_t>(encoding.most());
    row.cut = row.ids.size() + 1 > most;
    if (row.cut) row.ids.resize(most - 1);
    row.ids.push_back(static_cast<TokenId>(special.sep));
    while (!example.knowledge.empty() &&
           example.knowledge[example.knowledge.size() - 2] >= static_cast<std::int64_t>(row.ids.size()) - 1)
      example.knowledge.resize(example.knowledge.size() - 2);
    example.rows = {encoding.fitted(std::move(row))};
  }

  const std::size_t marked_;
};

ExampleFormat format_of(const std::string& task, const std::string& examples, MicroworldTask microworld) {
  auto format = classification().format();
  format.task = task;
  format.examples = examples;
  format.columns = "text,ents,label";
  format.columns_help =
      "of the text, of the names in it, a JSON list of [name, first character, end], the ones that are asked for "
      "first, "
      "and of the label";
  format.metrics.emplace_back("micro_f1");
  format.metrics_help += "; micro_f1, of all decisions";
  format.otherwise = "does not classify names in texts";
  format.decided.insert(format.decided.end(), {"entities", "entity_size"});
  format.microworld = {microworld};
  return format;
}

}  // namespace

const ExampleKind& entity_typing() {
  static const EntityTexts kind(1, format_of("entity-typing", "texts with a name to be typed", MicroworldTask::kTypes));
  return kind;
}

const ExampleKind& relation_classification() {
  static const EntityTexts kind(
      2, format_of("relation-classification", "texts with two names", MicroworldTask::kRelations));
  return kind;
}

std::vector<EntityMention> entity_mentions(const LabelledText& text) {
  auto mentions = mentions_of(text.pair, static_cast<std::int64_t>(count_characters(text.text)));
  std::sort(mentions.begin(), mentions.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  return mentions;
}

TokenInputs entity_inputs(const TokenBatch& batch) {
  auto inputs = inputs_of(batch);
  if (!batch.knowledge.defined()) return inputs;
  auto ids = torch::full(batch.ids.sizes(), -1, torch::kInt64);
  auto places = ids.accessor<std::int64_t, 2>();
  const auto knowledge = batch.knowledge.accessor<std::int64_t, 2>();
  for (std::int64_t b = 0; b < knowledge.size(0); ++b) {
    for (std::int64_t k = 0; k + 1 < knowledge.size(1) && knowledge[b][k] >= 0; k += 2)
      places[b][knowledge[b][k]] = knowledge[b][k + 1];
  }
  inputs.entity_ids = ids.to(batch.ids.device());
  return inputs;
}

}  // namespace langzoo
