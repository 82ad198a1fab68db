#include "apps/training/tasks/pictures/picture_corpus.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/sentence_tokens.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/metrics/cider.h"
#include "data/metrics/text_metrics.h"
#include "data/microworld/pictures.h"
#include "data/text/fingerprint.h"
#include "tokenizers/directory.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kMicroworld = "microworld";
constexpr double kMostPictures = 10'000'000;

void check_drawn_size(std::int64_t image_size) {
  if (image_size == kPictureSize) return;
  throw ConfigError(fmt::format("model.image_size = {}: microworld draws pictures of {} x {} pixels", image_size,
                                kPictureSize, kPictureSize));
}

std::shared_ptr<const Tokenizer> open_tokenizer(const PictureCorpusOptions& options, const PictureSet& pictures,
                                                const fs::path& dir, const Message& message) {
  if (std::shared_ptr<const Tokenizer> kept = find_tokenizer(dir)) return kept;
  const auto spec = parse_tokenizer_spec(options.tokenizer, "data.tokenizer");
  std::vector<std::string> texts;
  for (const auto& captions : pictures.captions) texts.insert(texts.end(), captions.begin(), captions.end());
  const auto next = [&, i = std::size_t{0}](std::string& text) mutable {
    if (i == texts.size()) return false;
    text = texts[i++];
    return true;
  };
  auto made = make_tokenizer(spec, next, {.special_tokens = sentence_tokens(spec)}, message);
  made->save(dir);
  return made;
}

}  // namespace

bool is_drawn(const std::string& data) {
  return data == kMicroworld;
}

void PictureCorpusOptions::for_each_field(FieldVisitor& visit) {
  static const std::string tokenizers = tokenizer_spec_help();
  visit("train", train,
        {.help = "pictures: microworld, which draws them; a folder of PNG files with captions.tsv (columns file and "
                 "caption), or such a table"});
  visit("valid", valid, {.help = "as data.train; empty: the last pictures of it, of microworld those that follow"});
  visit("tokenizer", tokenizer, {.help = tokenizers});
  visit("pictures", pictures, {.least = 1, .most = kMostPictures, .help = "that microworld draws to train on"});
  visit("valid_pictures", valid_pictures, {.least = 1, .most = kMostPictures, .help = "set aside to validate on"});
  visit("picture_seed", picture_seed, {.help = "which pictures microworld draws"});
}

void PictureCorpusOptions::make_paths_absolute() {
  for (auto* data : {&train, &valid}) {
    if (!is_drawn(*data)) *data = absolute_if_there(*data);
  }
  tokenizer = absolute_tokenizer(tokenizer);
}

std::vector<UnreadKeys> PictureCorpusOptions::unread_keys() const {
  const std::string drawn = "a run whose pictures are files";
  return {{!is_drawn(train), drawn, {"data.pictures"}},
          {!is_drawn(train) && !is_drawn(valid), drawn, {"data.picture_seed"}},
          {!valid.empty() && !is_drawn(valid), "a run with data.valid", {"data.valid_pictures"}}};
}

PictureCorpus open_picture_corpus(const PictureCorpusOptions& options, std::int64_t image_size, const fs::path& dir,
                                  const Message& message) {
  const bool valid_drawn = is_drawn(options.valid) || (options.valid.empty() && is_drawn(options.train));
  if (is_drawn(options.train) || valid_drawn) check_drawn_size(image_size);
  PictureCorpus corpus;
  corpus.train = is_drawn(options.train) ? drawn_pictures(options.picture_seed, 0, options.pictures)
                                         : read_pictures(options.train, image_size);
  if (valid_drawn) {
    corpus.valid_nats = 0;
    corpus.valid = drawn_pictures(options.picture_seed, options.pictures, options.valid_pictures, &corpus.valid_nats);
  } else if (!options.valid.empty()) {
    corpus.valid = read_pictures(options.valid, image_size);
  } else {
    const auto all = corpus.train.size(), kept = all - options.valid_pictures;
    if (kept < 1) {
      throw ConfigError(
          fmt::format("data.valid_pictures = {}: {} has {} pictures", options.valid_pictures, options.train, all));
    }
    corpus.valid = corpus.train.part(kept, all);
    corpus.train = corpus.train.part(0, kept);
  }
  corpus.tokenizer = open_tokenizer(options, corpus.train, dir, message);
  message(fmt::format("{} pictures with {} captions, {} to validate on", corpus.train.size(),
                      corpus.train.num_captions(), corpus.valid.size()));
  corpus.fingerprint =
      fmt::format("pictures {} {:016x} validation {:016x} tokenizer {:016x}", corpus.train.size(),
                  corpus.train.fingerprint(), corpus.valid.fingerprint(), tokenizer_fingerprint(*corpus.tokenizer));
  return corpus;
}

PictureSet open_evaluation_pictures(const EvaluationPictures& options, const fs::path& dir, std::int64_t image_size,
                                    double* nats) {
  if (!is_drawn(options.data)) return read_pictures(options.data, image_size);
  check_drawn_size(image_size);
  PictureCorpusOptions run;
  read_run_section(dir, "data", run);
  if (nats != nullptr) *nats = 0;
  return drawn_pictures(options.seed.value_or(run.picture_seed), run.pictures + run.valid_pictures, options.pictures,
                        nats);
}

void CaptionScores::add_to(EvalMetrics& metrics) const {
  metrics["exact_match"] = {exact_match, Direction::kHigherIsBetter};
  metrics["bleu"] = {bleu, Direction::kHigherIsBetter};
  metrics["cider_d"] = {cider_d, Direction::kHigherIsBetter};
  if (holds) metrics["holds"] = {*holds, Direction::kHigherIsBetter};
}

CaptionScores score_captions(const std::vector<std::string>& captions, const PictureSet& pictures) {
  CaptionScores scores;
  scores.exact_match = score_texts("exact_match", captions, pictures.captions).front().value;
  scores.bleu = score_texts("bleu", captions, pictures.captions).front().value;
  scores.cider_d = cider_d(captions, pictures.captions).score;
  std::int64_t held = 0;
  for (std::int64_t i = 0; i < pictures.size(); ++i) {
    const auto things = things_in(image_of_bytes(pictures.pixels[i]));
    if (!likeliest_caption(things)) return scores;
    held += caption_holds(captions[as_size(i)], things) ? 1 : 0;
  }
  scores.holds = 100.0 * static_cast<double>(held) / static_cast<double>(pictures.size());
  return scores;
}

std::optional<CaptionScores> likeliest_scores(const PictureSet& pictures) {
  std::vector<std::string> captions;
  for (std::int64_t i = 0; i < pictures.size(); ++i) {
    auto caption = likeliest_caption(things_in(image_of_bytes(pictures.pixels[i])));
    if (!caption) return std::nullopt;
    captions.push_back(*std::move(caption));
  }
  return score_captions(captions, pictures);
}

}  // namespace langzoo
