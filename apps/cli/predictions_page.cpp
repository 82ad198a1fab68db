#include "apps/cli/predictions_page.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/entity_texts.h"
#include "apps/training/tasks/multiple_choice.h"
#include "apps/training/tasks/question_answering.h"
#include "apps/training/tasks/tagging.h"
#include "third_party/torch.h"

namespace langzoo {

const std::string_view kPredictionsStyle = R"css(
.examples { display: grid; gap: 12px; margin-top: 12px; }
.examples h2 { margin-bottom: 8px; }
.words { font-size: 16px; line-height: 2.1; overflow-wrap: anywhere; white-space: pre-wrap; }
mark { color: inherit; background: var(--c0); border-radius: 4px; padding: 2px 4px; }
mark i { font: 600 10.5px/1 system-ui, sans-serif; color: var(--soft); margin-left: 6px; letter-spacing: .03em; }
.k0 { background: var(--c0); } .k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); }
.k4 { background: var(--c4); } .k5 { background: var(--c5); }
.of-words td { padding: 6px 0; }
.of-words td:first-child { overflow-wrap: anywhere; white-space: pre-wrap; }
.of-words td + td { width: 34%; }
.bar { background: var(--c0); border-radius: 4px; height: 8px; min-width: 2px; margin-left: auto; }
details { margin-top: 8px; font-size: 13.5px; }
summary { cursor: pointer; color: var(--soft); }
)css";

namespace {

constexpr std::size_t kOtherAnswers = 5;

std::size_t shown_of(const PredictedExamples& predicted) {
  return std::min(static_cast<std::size_t>(predicted.raw.size()), kMostShownExamples);
}

std::string example_card(const std::string& headline, const std::string& body) {
  return fmt::format("<section class=\"card\">{}{}</section>\n",
                     headline.empty() ? "" : fmt::format("<h2>{}</h2>", html_escaped(headline)), body);
}

std::string examples_html(const std::string& cards) {
  return "<div class=\"examples\">\n" + cards + "</div>\n";
}

/// A row of a table of texts, which are HTML: what is said of it, and how sure the model is.
std::string text_row(const std::string& text, const std::string& said, std::optional<double> share) {
  return fmt::format("<tr><td>{}</td><td>{}{}</td></tr>\n", text, html_escaped(said),
                     share ? fmt::format(" {:.1f} %<div class=\"bar\" style=\"width:{:.1f}%\"></div>", 100 * *share,
                                         std::clamp(100 * *share, 0.0, 100.0))
                           : "");
}

std::string text_table(const std::string& rows) {
  return examples_html("<section class=\"card\"><table class=\"of-words\">\n" + rows + "</table></section>\n");
}

std::string joined(const std::vector<std::string>& texts, const char* between) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : between) + text;
  return all;
}

/// The color of each name, by the order in which they come.
class Colors {
 public:
  std::size_t of(const std::string& name) {
    return known_.try_emplace(name, known_.size()).first->second % kTextColorCount;
  }

 private:
  std::map<std::string, std::size_t> known_;
};

std::string marked(const std::string& text, const std::string& name, std::size_t color) {
  return fmt::format("<mark class=\"k{}\">{}<i>{}</i></mark>", color, html_escaped(text), html_escaped(name));
}

std::string tagged_words(const std::vector<std::string>& words, const std::vector<std::string>& tags, Colors& colors) {
  const std::vector<std::string_view> views(tags.begin(), tags.end());
  std::string html;
  const auto add = [&](const std::string& part) { html += (html.empty() ? "" : " ") + part; };
  if (!are_entity_tags(views)) {
    const bool any = std::any_of(tags.begin(), tags.end(), [](const auto& tag) { return tag != "O"; });
    for (std::size_t i = 0; i < words.size(); ++i)
      add(any ? marked(words[i], tags[i], colors.of(tags[i])) : html_escaped(words[i]));
    return html;
  }
  std::size_t next = 0;
  for (const auto& [type, begin, end, text] : entity_spans(words, tags)) {
    for (; next < begin; ++next) add(html_escaped(words[next]));
    add(marked(text, type, colors.of(type)));
    next = end;
  }
  for (; next < words.size(); ++next) add(html_escaped(words[next]));
  return html;
}

/// Texts as HTML, and the labels that a classifier gives them.
template <class ShownText>
std::string labels_table(const PredictedExamples& predicted, const ShownText& shown_text) {
  const auto& model = dynamic_cast<const SequenceClassifier&>(predicted.model);
  std::string rows;
  for (std::size_t i = 0; i < shown_of(predicted); ++i) {
    const auto probabilities = class_probabilities(model, predicted.logits[i]);
    const auto labels = chosen_labels(model, probabilities);
    std::optional<double> share;
    if (model.problem_type() != ProblemType::kMultiLabel) share = probabilities.max().item<double>();
    rows += text_row(shown_text(i), labels.empty() ? "none" : joined(labels, ", "), share);
  }
  return text_table(rows);
}

/// A text whose names are marked; of those that overlap the first.
std::string with_names(const LabelledText& text) {
  std::string html;
  std::size_t done = 0;
  for (const auto& mention : entity_mentions(text)) {
    const auto [begin, end] = byte_range(text.text, mention.begin, mention.end - mention.begin);
    if (begin < done) continue;
    html += fmt::format("{}<mark>{}</mark>", html_escaped(text.text.substr(done, begin - done)),
                        html_escaped(text.text.substr(begin, end - begin)));
    done = end;
  }
  return html + html_escaped(text.text.substr(done));
}

}  // namespace

std::string show_labels(const PredictedExamples& predicted) {
  return labels_table(predicted, [&](std::size_t i) {
    return html_escaped(joined(classification().texts(predicted.raw, static_cast<std::int64_t>(i)), " / "));
  });
}

std::string show_entity_labels(const PredictedExamples& predicted) {
  const auto& texts = dynamic_cast<const RawExamplesOf<LabelledText>&>(predicted.raw).items;
  return labels_table(predicted, [&](std::size_t i) { return with_names(texts[i]); });
}

std::string show_values(const PredictedExamples& predicted) {
  std::string rows;
  const auto& texts = dynamic_cast<const RawExamplesOf<LabelledText>&>(predicted.raw).items;
  for (std::size_t i = 0; i < shown_of(predicted); ++i)
    rows += text_row(html_escaped(joined(texts[i].texts(), " / ")),
                     fmt::format("{:.4f}", predicted.logits[i].item<double>()), {});
  return text_table(rows);
}

std::string show_tags(const PredictedExamples& predicted) {
  const auto& model = dynamic_cast<const TokenClassifier&>(predicted.model);
  const auto& sentences = dynamic_cast<const RawExamplesOf<TaggedSentence>&>(predicted.raw).items;
  Colors colors;
  std::string cards;
  for (std::size_t i = 0; i < shown_of(predicted); ++i) {
    const auto tags = tags_of(model, predicted.encoded, static_cast<std::int64_t>(i), predicted.logits[i]);
    cards +=
        example_card("", fmt::format("<div class=\"words\">{}</div>", tagged_words(sentences[i].words, tags, colors)));
  }
  return examples_html(cards);
}

std::string show_answers(const PredictedExamples& predicted) {
  const auto& questions = dynamic_cast<const RawExamplesOf<Question>&>(predicted.raw).items;
  const std::vector<Question> shown(questions.begin(),
                                    questions.begin() + static_cast<std::ptrdiff_t>(shown_of(predicted)));
  AnswerOptions options;
  options.may_be_none = predicted.may_be_none;
  options.null_threshold = predicted.null_threshold;
  const auto answers = best_answers(shown, predicted.encoded, predicted.logits, options);
  std::string cards;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto& best = answers[i];
    const auto& context = *shown[i].context;
    const auto [begin, end] = byte_range(context, best.start, best.end - best.start);
    auto body = fmt::format(
        "<div class=\"words\">{}{}{}</div>", html_escaped(context.substr(0, begin)),
        best.answer.empty() ? "" : fmt::format("<mark>{}</mark>", html_escaped(context.substr(begin, end - begin))),
        html_escaped(context.substr(end)));
    std::string others;
    for (std::size_t n = 0; n < std::min(best.nbest.size(), kOtherAnswers); ++n) {
      const auto& candidate = best.nbest[n];
      others += fmt::format("<tr><td>{}</td><td>{:.2f}, {:.1f} %</td></tr>",
                            candidate.answer.empty() ? "no answer" : html_escaped(candidate.answer), candidate.score,
                            100 * candidate.probability);
    }
    body += fmt::format("<details><summary>{}</summary><table>{}</table></details>",
                        best.answer.empty() ? "no answer" : html_escaped(best.answer), others);
    cards += example_card(shown[i].question, body);
  }
  return examples_html(cards);
}

std::string show_choices(const PredictedExamples& predicted) {
  const auto& examples = dynamic_cast<const RawExamplesOf<ChoiceExample>&>(predicted.raw).items;
  std::string cards;
  for (std::size_t i = 0; i < shown_of(predicted); ++i) {
    const auto probabilities = predicted.logits[i].softmax(-1);
    const auto chosen = static_cast<std::size_t>(predicted.logits[i].argmax().item<std::int64_t>());
    std::string rows;
    for (std::size_t choice = 0; choice < examples[i].choices.size(); ++choice) {
      rows += text_row(examples[i].choices[choice], choice == chosen ? "chosen" : "",
                       probabilities[static_cast<std::int64_t>(choice)].item<double>());
    }
    cards += example_card(examples[i].premise, "<table class=\"of-words\">" + rows + "</table>");
  }
  return examples_html(cards);
}

}  // namespace langzoo
