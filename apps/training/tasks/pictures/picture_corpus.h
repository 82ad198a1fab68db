/// Pictures with captions, for every family that learns from both: what data.train, data.valid and data.tokenizer mean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "data/images/pictures.h"
#include "models/io/config_fields.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Whether `data` names no files but pictures that microworld draws.
bool is_drawn(const std::string& data);

/// The section `data` of a run configuration.
struct PictureCorpusOptions {
  std::string train, valid;  ///< microworld, a folder with captions.tsv, or such a table
  std::string tokenizer = "train:word:1000";
  std::int64_t pictures = 8000, valid_pictures = 200;
  std::uint64_t picture_seed = 1;

  void for_each_field(FieldVisitor& visit);
  /// Files by their absolute paths, so that a run goes on from whatever directory.
  void make_paths_absolute();
  std::vector<UnreadKeys> unread_keys() const;
};

struct PictureCorpus {
  std::shared_ptr<const Tokenizer> tokenizer;
  PictureSet train, valid;
  double valid_nats = -1;   ///< of the captions of valid, given their pictures; negative: not known
  std::string fingerprint;  ///< of pictures, captions and tokenizer: what a resumed run compares
};

/// The tokenizer is the one in `dir` where it holds one (a resumed run keeps its own), else it is made as `options` say
/// and saved there. Throws ConfigError for impossible options, FileError and std::runtime_error for bad data.
PictureCorpus open_picture_corpus(const PictureCorpusOptions& options, std::int64_t image_size,
                                  const std::filesystem::path& dir, const Message& message);

/// What is measured where nobody says how much: of drawn pictures those that follow the ones of the run in `dir`, of
/// its seed unless another is said. `nats`, if given, gets what PictureCorpus::valid_nats is.
struct EvaluationPictures {
  std::string data;
  std::optional<std::uint64_t> seed;
  std::int64_t pictures = 500;
};
PictureSet open_evaluation_pictures(const EvaluationPictures& options, const std::filesystem::path& dir,
                                    std::int64_t image_size, double* nats = nullptr);

/// How good captions are beside those of their pictures.
struct CaptionScores {
  double exact_match = 0, bleu = 0, cider_d = 0;  ///< the first two in per cent
  std::optional<double> holds;                    ///< per cent of captions that are true, of pictures as microworld's

  void add_to(EvalMetrics& metrics) const;
};
/// Pictures are told to be microworld's where its parser finds a caption of its grammar for every one.
CaptionScores score_captions(const std::vector<std::string>& captions, const PictureSet& pictures);
/// The same of the most probable caption of each picture: what nobody does better by more than luck. Nothing where
/// pictures are not microworld's.
std::optional<CaptionScores> likeliest_scores(const PictureSet& pictures);

}  // namespace langzoo
