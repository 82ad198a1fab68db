/// More labelled texts, of which a student learns from its teacher: TinyBERT's data augmentation (Jiao et al. 2020,
/// section 3.3 and algorithm 1), whose words come from a masked language model and from word vectors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "apps/training/message.h"
#include "apps/training/task_setup.h"
#include "apps/training/tasks/labelled_texts.h"
#include "data/tasks/augmentation.h"
#include "models/masked_lm.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// Keys of the section `data`. The constants are the paper's.
struct AugmentationKeys {
  std::int64_t copies = 0;  ///< N_a, 20 in the paper: of each text at most so many are made; 0: none
  double replace = 0.4;     ///< p_t
  std::int64_t candidates = 15;     ///< K
  std::string masked_lm, vectors;  ///< folders, or a file of vectors; either may be empty

  void for_each_field(FieldVisitor& visit);
  /// Makes paths absolute. Throws ConfigError for texts to be made of no words.
  void complete();
  /// Keys that mean nothing here.
  std::vector<UnreadKeys> unread_keys() const;
};

/// What may stand in a word's place: of a word that is one token what the masked language model says there, of others,
/// and without a model, its neighbours among word vectors. Only whole words, none the word itself.
class WordReplacements {
 public:
  /// Throws FileError, std::invalid_argument for a model that predicts no tokens.
  WordReplacements(const AugmentationKeys& keys, torch::Device device);

  /// As Replacements. Words behind what the model reads at once are as those without a model.
  std::vector<std::vector<std::string>> operator()(std::string_view text, std::span<const Offset> words);

 private:
  struct Place {
    std::size_t word, token;
  };
  std::vector<std::string> neighbours(std::string_view word);
  /// The words of the likeliest tokens in each place.
  std::vector<std::vector<std::string>> predicted(std::string_view text, const Encoding& encoding,
                                                  std::span<const Offset> words, std::span<const Place> places);
  /// What the token is in a text; none where it is no whole word.
  std::optional<std::string> word_of(TokenId id);

  std::size_t most_;
  LoadedModel<TokenModel> loaded_;
  MaskedLm* lm_ = nullptr;  ///< in loaded_
  std::optional<WordVectors> vectors_;
  std::map<std::string, std::vector<std::string>, std::less<>> known_neighbours_;
  std::map<TokenId, std::optional<std::string>> known_words_;
};

/// Writes the texts, and behind each those made of it, to `file`, JSON lines with text, pair and label; of a pair each
/// side is replaced by itself. Draws from `seed`.
void write_augmented(const std::filesystem::path& file, const std::vector<LabelledText>& texts,
                     const AugmentationKeys& keys, torch::Device device, std::uint64_t seed);

}  // namespace langzoo
