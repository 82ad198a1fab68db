#include "apps/training/tasks/tagging.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/metrics/entities.h"
#include "data/tasks/text_rows.h"
#include "data/tasks/word_pieces.h"
#include "data/text/causal_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

Metric share_of_tags(double value) {
  return {.value = value, .direction = Direction::kHigherIsBetter};
}

class Tagging : public ExampleKindFor<TokenClassifier, TaggedSentence> {
 public:
  const ExampleFormat& format() const override { return format_; }
  std::int64_t tokens_dimension() const override { return 1; }
  bool has_classes(const TokenModel& model) const override { return !of(model).labels_are_chained(); }
  /// Words, of which each has one labelled piece.
  std::int64_t targets(const TokenBatch& batch) const override {
    return batch.labels.defined() ? batch.labels.ne(kIgnoredTarget).sum().item<std::int64_t>() : 0;
  }

 protected:
  Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const override {
    const auto& [columns, targets, format, unread, model, spelling] = reading;
    TaggedTextOptions options{.word_column = {},
                              .tag_column = {},
                              .tags = targets,
                              .spelling = model == nullptr ? spelling : spelling_of(of(*model))};
    if (!columns.empty()) {
      const auto names = column_names(columns);
      if (names.size() != (targets ? 2U : 1U)) {
        throw std::invalid_argument(fmt::format("expected a column of words{}, not {} columns",
                                                targets ? " and one of tags" : "", names.size()));
      }
      options.word_column = names[0];
      if (targets) options.tag_column = names[1];
    }
    return read_tagged_text(file, options);
  }
  std::optional<Raw> raw_of_texts(const std::vector<std::string>& texts) const override {
    if (texts.size() != 1) return {};
    TaggedSentence sentence{{}, {}, 1};
    constexpr std::string_view kSpace = " \t\n\r\f\v";
    for (std::size_t at = 0; (at = texts[0].find_first_not_of(kSpace, at)) != std::string::npos;) {
      const auto end = std::min(texts[0].find_first_of(kSpace, at), texts[0].size());
      sentence.words.push_back(texts[0].substr(at, end - at));
      at = end;
    }
    return sentence;
  }
  std::vector<std::string> texts_of(const Raw& raw) const override {
    return {fmt::format("{}", fmt::join(raw.words, " "))};
  }
  std::string complete_config_of(ModelConfig& config, const Raws& raws) const override {
    const auto tags = tag_set(raws);
    set_labels(config, ClassLabels::of(tags));
    return fmt::format("{} tags", tags.size());
  }

  std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const override {
    const auto pieces = word_pieces(raw.words, encoding.tokenizer, static_cast<std::size_t>(encoding.most()));
    TokenExample example{.rows = {encoding.fitted({pieces.ids, pieces.type_ids, pieces.cut > 0})}};
    if (encoding.reads_texts()) {
      std::vector<std::string_view> texts;
      for (const auto& [begin, end] : pieces.offsets)
        texts.push_back(std::string_view(pieces.text).substr(begin, end - begin));
      encoding.read_texts(example.rows[0], texts);
    }
    example.places.assign(pieces.first.begin(), pieces.first.end());
    if (!encoding.targets) return {example};
    std::vector<std::int64_t> ids;
    for (const auto& tag : raw.tags) ids.push_back(id_of(of(encoding.model), tag));
    example.labels = piece_labels(pieces, ids);
    return {example};
  }

  torch::Tensor logits_of(TokenClassifier& model, const TokenBatch& batch) const override {
    return model.logits(inputs_of(batch));
  }
  torch::Tensor loss_sum_of(const TokenClassifier& model, const torch::Tensor& logits, const TokenBatch& batch,
                            const LabelSmoothing& smoothing) const override {
    return model.loss_sum(logits, batch.labels, smoothing);
  }

  EvalMetrics scores_of(const TokenClassifier& model, const Raws& raws, const EncodedExamples& encoded,
                        const std::vector<torch::Tensor>& logits) const override {
    std::vector<std::vector<std::string>> predicted;
    std::vector<TagSequence> guesses, truth;
    std::vector<std::string_view> all;
    std::size_t right = 0;
    for (std::size_t i = 0; i < raws.size(); ++i) {
      predicted.push_back(tags_of(model, encoded, static_cast<std::int64_t>(i), logits[i]));
      for (std::size_t word = 0; word < raws[i].tags.size(); ++word) right += raws[i].tags[word] == predicted[i][word];
    }
    for (std::size_t i = 0; i < raws.size(); ++i) {
      guesses.emplace_back(predicted[i].begin(), predicted[i].end());
      truth.emplace_back(raws[i].tags.begin(), raws[i].tags.end());
      all.insert(all.end(), guesses[i].begin(), guesses[i].end());
      all.insert(all.end(), truth[i].begin(), truth[i].end());
    }
    const auto words = static_cast<double>(all.size()) / 2;
    EvalMetrics metrics = {{"accuracy", share_of_tags(words > 0 ? static_cast<double>(right) / words : 0)}};
    ClassScore score;
    const bool entities = are_entity_tags(all);
    if (entities) score = score_entities(guesses, truth).micro;
    metrics["precision"] = share_of_tags(score.precision);
    metrics["recall"] = share_of_tags(score.recall);
    metrics["f1"] = share_of_tags(score.f1);
    if (!entities) {
      for (const auto* const name : {"precision", "recall", "f1"}) metrics[name].chart = MetricChart::kNone;
    }
    return metrics;
  }

 private:
  /// That of its labels. Others' models may have learnt another scheme, whose tags then stay as they stand.
  static TagSpelling spelling_of(const TokenClassifier& model) {
    const auto has = [&](std::string_view prefixes) {
      return std::any_of(model.labels().id2label.begin(), model.labels().id2label.end(), [&](const auto& label) {
        const auto& name = label.second;
        return !name.empty() && prefixes.find(name[0]) != std::string_view::npos &&
               (name.size() == 1 || name[1] == '-');
      });
    };
    if (has("LUM") || !has("BS")) return TagSpelling::kAsWritten;
    return has("ES") ? TagSpelling::kIobes : TagSpelling::kBio;
  }
  static std::int64_t id_of(const TokenClassifier& model, const std::string& tag) {
    for (const auto& [id, name] : model.labels().id2label) {
      if (name == tag) return id;
    }
    throw std::runtime_error(unknown_label("tag", tag, model.labels()));
  }

  ExampleFormat format_ = {
      .task = "tagging",
      .examples = "sentences of words with tags",
      .inputs = "sentences",
      .files = ".conll, .iob2, .tsv or .jsonl",
      .columns = {},
      .columns_help = "of the word and of the tag, numbers from 1 or names; empty: the first and the last",
      .loss_unit = "nats a word",
      .metrics = {"loss", "accuracy", "precision", "recall", "f1"},
      .metrics_help = "loss (nats a word), accuracy (of tags); precision, recall and f1 of entities, as seqeval",
      .otherwise = "does not tag words",
      .decided = {"id2label", "label2id", "problem_type"},
      .tables = false,
      .spells_tags = true,
      .label_smoothing = true,
      .no_classes = "is of tags that are chosen one by one; model.crf = true chooses those of a sentence together",
      .microworld = {MicroworldTask::kTags}};
};

}  // namespace

const ExampleKind& tagging() {
  static const Tagging kind;
  return kind;
}

std::vector<std::string> tags_of(const TokenClassifier& model, const EncodedExamples& encoded, std::int64_t sentence,
                                 const torch::Tensor& logits) {
  const auto& names = model.labels().id2label;
  const auto outside = std::find_if(names.begin(), names.end(), [](const auto& label) { return label.second == "O"; });
  const auto places = encoded.examples.places(sentence);
  std::vector<std::int64_t> there;
  std::copy_if(places.begin(), places.end(), std::back_inserter(there), [](auto place) { return place >= 0; });
  const auto best = model.best_labels(logits.index_select(0, torch::tensor(there, torch::kInt64)));
  std::vector<std::string> tags;
  std::size_t next = 0;
  for (const auto place : places) {
    if (place >= 0) {
      tags.push_back(names.at(best[next++]));
    } else {
      tags.push_back(outside == names.end() ? names.begin()->second : outside->second);
    }
  }
  return tags;
}

}  // namespace langzoo
