#include "apps/training/tasks/augmentation.h"

#include <algorithm>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/word_vectors.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Texts with a hidden word that are read together.
constexpr std::int64_t kHiddenAtOnce = 64;
/// Of so many of the likeliest tokens for each that is wanted; some are no words.
constexpr std::int64_t kTried = 4;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

}  // namespace

void AugmentationKeys::for_each_field(FieldVisitor& visit) {
  visit("augment", copies,
        {.least = 0,
         .most = 1000,
         .help = "texts to make of each text of data.train by putting other words into it, at most; the paper: 20"});
  visit("augment_replace", replace, {.most = 1, .above = 0, .help = "probability that a word is replaced in one"});
  visit("augment_candidates", candidates,
        {.least = 1, .most = 1000, .help = "words of which one is put in the place of another"});
  visit("augment_model", masked_lm,
        {.help = "a masked language model's folder: what it says in a word's place; of words that are one token"});
  visit("augment_vectors", vectors,
        {.help = "word vectors, a folder or a file: their neighbours, where data.augment_model says nothing"});
}

void AugmentationKeys::complete() {
  if (copies > 0 && masked_lm.empty() && vectors.empty()) {
    throw ConfigError(fmt::format(
        "data.augment = {}: data.augment_model (a masked language model), data.augment_vectors, or both say what words "
        "to put into texts",
        copies));
  }
  masked_lm = absolute_if_there(masked_lm);
  vectors = absolute_if_there(vectors);
}

std::vector<UnreadKeys> AugmentationKeys::unread_keys() const {
  return {{copies == 0,
           "data.augment = 0",
           {"data.augment_replace", "data.augment_candidates", "data.augment_model", "data.augment_vectors"}}};
}

WordReplacements::WordReplacements(const AugmentationKeys& keys, torch::Device device)
    : most_(static_cast<std::size_t>(keys.candidates)) {
  if (!keys.vectors.empty()) vectors_ = load_word_vectors(keys.vectors);
  if (keys.masked_lm.empty()) return;
  DeviceOptions options;
  options.device = device;
  loaded_ = load_example_model(keys.masked_lm, options);
  lm_ = dynamic_cast<MaskedLm*>(loaded_.model.get());
  if (lm_ == nullptr || !loaded_.tokenizer->special_tokens().mask)
    throw std::invalid_argument(fmt::format("{}: predicts no hidden tokens", keys.masked_lm));
}

std::vector<std::vector<std::string>> WordReplacements::operator()(std::string_view text,
                                                                   std::span<const Offset> words) {
  std::vector<std::vector<std::string>> all(words.size());
  std::vector<bool> done(words.size(), false);
  if (lm_ != nullptr) {
    const ExampleEncoding encoding{*loaded_.tokenizer, *loaded_.model, 0, false};
    const auto encoded = loaded_.tokenizer->encode(text, encoding.options());
    std::vector<Place> places;
    std::size_t token = 0;
    for (std::size_t word = 0; word < words.size(); ++word) {
      std::size_t tokens = 0, first = 0;
      for (; token < encoded.size(); ++token) {
        const auto [begin, end] = encoded.offsets[token];
        if (encoded.sequence_ids[token] != 0 || end <= words[word].begin) continue;
        if (begin >= words[word].end) break;
        if (tokens++ == 0) first = token;
      }
      const bool known = loaded_.tokenizer->special_tokens().unk != encoded.ids[first];
      if (tokens == 1 && known) places.push_back({word, first});
    }
    auto predictions = predicted(text, encoded, words, places);
    for (std::size_t i = 0; i < places.size(); ++i) {
      all[places[i].word] = std::move(predictions[i]);
      done[places[i].word] = true;
    }
  }
  for (std::size_t word = 0; word < words.size(); ++word) {
    if (!done[word]) all[word] = neighbours(text.substr(words[word].begin, words[word].end - words[word].begin));
  }
  return all;
}

std::vector<std::string> WordReplacements::neighbours(std::string_view word) {
  if (!vectors_) return {};
  const auto known = known_neighbours_.find(word);
  if (known != known_neighbours_.end()) return known->second;
  std::vector<std::string> words;
  const auto lower = lower_case(word);
  auto row = vectors_->find(word);
  if (row < 0) row = vectors_->find(lower);
  if (row >= 0) {
    const auto query = vectors_->vectors()[row];
    for (const auto& neighbor :
         vectors_->nearest(query, kTried * static_cast<std::int64_t>(most_), {std::string(word), lower})) {
      const auto spans = word_spans(neighbor.word);
      const bool whole = spans.size() == 1 && spans[0] == Offset{0, neighbor.word.size()};
      if (whole && words.size() < most_ && lower_case(neighbor.word) != lower) words.push_back(neighbor.word);
    }
  }
  return known_neighbours_.emplace(word, std::move(words)).first->second;
}

std::vector<std::vector<std::string>> WordReplacements::predicted(std::string_view text, const Encoding& encoding,
                                                                  std::span<const Offset> words,
                                                                  std::span<const Place> places) {
  const c10::InferenceMode inference;
  const auto count = std::ssize(places), tokens = static_cast<std::int64_t>(encoding.size());
  const auto mask = *loaded_.tokenizer->special_tokens().mask;
  const ExampleEncoding fitting{*loaded_.tokenizer, *loaded_.model, 0, false};
  std::vector<std::vector<std::string>> all;
  for (std::int64_t begin = 0; begin < count; begin += kHiddenAtOnce) {
    const auto rows = std::min(kHiddenAtOnce, count - begin);
    TokenExamples examples;
    std::vector<std::int64_t> chosen, hidden;
    for (std::int64_t row = 0; row < rows; ++row) {
      auto ids = encoding.ids;
      const auto token = places[static_cast<std::size_t>(begin + row)].token;
      ids[token] = mask;
      examples.add({.rows = {fitting.fitted({std::move(ids), encoding.type_ids})}});
      chosen.push_back(row);
      hidden.push_back(row * tokens + static_cast<std::int64_t>(token));
    }
    const auto batch = to_device(token_batch(examples, chosen, 0), loaded_.device);
    const auto logits = lm_->logits_at(inputs_of(batch), torch::tensor(hidden).to(loaded_.device));
    const auto tried = std::min(logits.size(1), kTried * static_cast<std::int64_t>(most_));
    const auto ids = std::get<1>(logits.topk(tried)).to(torch::kCPU);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto& [begins, ends] = words[places[static_cast<std::size_t>(begin + row)].word];
      const auto own = lower_case(text.substr(begins, ends - begins));
      auto& found = all.emplace_back();
      for (std::int64_t rank = 0; rank < tried && found.size() < most_; ++rank) {
        const auto word = word_of(static_cast<TokenId>(ids[row][rank].item<std::int64_t>()));
        if (word && lower_case(*word) != own) found.push_back(*word);
      }
    }
  }
  return all;
}

std::optional<std::string> WordReplacements::word_of(TokenId id) {
  const auto [known, is_new] = known_words_.try_emplace(id);
  const auto& tokenizer = *loaded_.tokenizer;
  if (!is_new || !tokenizer.has_token(id)) return known->second;
  const auto text = tokenizer.decode(std::vector<TokenId>{id}, /*skip_special_tokens=*/true);
  const auto spans = word_spans(text);
  if (spans.size() != 1 || spans[0].end != text.size() || spans[0].begin > 1) return known->second;
  const auto word = text.substr(spans[0].begin);
  // What goes on a word is another token where it stands by itself.
  std::vector<TokenId> alone;
  tokenizer.encode(text, alone);
  if (alone == std::vector<TokenId>{id}) known->second = word;
  return known->second;
}

void write_augmented(const fs::path& file, const std::vector<LabelledText>& texts, const AugmentationKeys& keys,
                     torch::Device device, std::uint64_t seed) {
  WordReplacements replacements(keys, device);
  const AugmentationOptions options{keys.replace, static_cast<std::size_t>(keys.copies)};
  const auto replace = [&](std::string_view text, std::span<const Offset> words) { return replacements(text, words); };
  std::string lines;
  const auto add = [&](const std::string& text, const std::string& pair, const std::string& label) {
    nlohmann::ordered_json line = {{"text", text}};
    if (!pair.empty()) line["pair"] = pair;
    line["label"] = label;
    lines += line.dump() + "\n";
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& [text, pair, label, line] = texts[i];
    add(text, pair, label);
    for (const auto& made : augmented_texts(text, replace, options, seed, 2 * i)) add(made, pair, label);
    for (const auto& made : augmented_texts(pair, replace, options, seed, 2 * i + 1)) add(text, made, label);
  }
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  write_file_atomically(file, lines);
}

}  // namespace langzoo
