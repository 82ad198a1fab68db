/// Examples that encoders are pretrained on: pieces of documents with masked tokens, and whether the second half goes
/// on from the first. What an example is depends on (seed, epoch, number) alone.
///
///     langzoo::PretrainingDataset dataset(file.tokens(), {.sentences = SentenceTask::kNextSentence}, special, seed);
///     const auto batches = langzoo::pretraining_batches(dataset, 32);
///     const auto [ids, type_ids, lengths, labels, sentence_labels] = batches->next();
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/pretraining/masking.h"
#include "data/pretraining/sentence_file.h"

namespace langzoo {

/// Phrases in the tokens of one tokenizer, for knowledge masking.
struct KnownPhrases {
  PhraseMatcher matcher;
  std::uint64_t fingerprint = 0;  ///< of their ids
  std::int64_t left_out = 0;      ///< lines that are no tokens the vocabulary knows
};
/// Those of a text, one a line; blank lines are none.
std::shared_ptr<const KnownPhrases> known_phrases(std::string_view lines, const Tokenizer& tokenizer);

/// How examples are cut out of documents, and what is asked of their halves.
enum class SentenceTask {
  kPacked,  ///< no halves: sentences in a row up to the length, on into the next documents (RoBERTa's full sentences)
  kPair,    ///< two neighbouring segments of a document, and nothing asked
  kNextSentence,   ///< BERT: is the second segment the next one (0), or one of another document (1)?
  kSentenceOrder,  ///< ALBERT: are two neighbouring segments in order (0), or swapped (1)?
};

struct PretrainingOptions {
  SentenceTask sentences = SentenceTask::kNextSentence;
  std::int64_t max_length = 128;  ///< tokens of an example, special ones included
  double short_examples = 0.1;    ///< share of pairs of which a length is drawn from 2 to the longest
  MaskingOptions masking;
  double prefer_rare = 0;  ///< exponent of rarity_weights by the text's own counts; DistilBERT: 0.7; 0: all alike
  std::shared_ptr<const KnownPhrases> phrases;  ///< MaskingVocabulary::phrases, with those of this tokenizer; or none
  bool dynamic_masking = true;  ///< other masks every epoch; false: one mask for an example, as of a file
  /// Other examples every epoch: pairs are cut anew, packing begins elsewhere. False: those of the first one.
  bool dynamic_examples = true;

  /// Throws std::invalid_argument naming the field.
  void validate() const;
};

/// Which tokens a vocabulary has for this. Throws std::invalid_argument, naming it, where one is missing.
struct PretrainingTokens {
  std::int64_t cls = 0, sep = 0, mask = 0, pad = 0;
  /// [CLS], [SEP] and [MASK] of BERT, <s>, </s> and <mask> of RoBERTa.
  static PretrainingTokens of(const Tokenizer& tokenizer);
};

/// [CLS] A [SEP] B [SEP], or [CLS] A [SEP], with masks.
struct PretrainingExample {
  std::vector<std::int64_t> ids, type_ids;  ///< type 1: B and its [SEP]
  std::vector<std::int64_t> labels;         ///< the tokens to be restored; -100 elsewhere
  std::int64_t sentence_label = -100;       ///< 0: B follows A, they are in order; -100: nothing is asked
};

/// As create_pretraining_data of BERT and of ALBERT make examples. Sentences are gathered until they have as many
/// tokens as were drawn, or the document ends; A is a random number of them, B the rest. Of kNextSentence B is, with
/// probability 1/2 and where there was one sentence only, taken from a random place of another document (of any, where
/// there is one only) instead, and the sentences that are not used then begin the next example. Of kSentenceOrder they
/// are swapped with probability 1/2; of one sentence only B is another document's, label 1, as in the code. What is too
/// long loses tokens of the longer half, each at a random end.
///
/// Where BERT's code differs: it draws the length once for each document, we for each example, for a document may be a
/// whole book; sentences longer than half of an example (packed: a quarter) are cut into pieces that then count as
/// sentences (SentenceCorpus). Packed examples have [SEP] between documents and hold no part of a sentence.
///
/// An epoch has num_examples() examples, as many as the first one is cut into; where another is cut into a few more or
/// less, some are left out or come twice, others each epoch. Memory: 16 bytes an example and SentenceCorpus's. What
/// owns the tokens must outlive it. Copies share the memory; any number of threads may read.
class PretrainingDataset {
 public:
  /// `sentences` are those of open_or_build_sentences; `tokenizer` made them. Throws std::invalid_argument for options
  /// that cannot be and a vocabulary without the special tokens, std::runtime_error for a text without sentences.
  PretrainingDataset(TokenView sentences, const Tokenizer& tokenizer, const PretrainingOptions& options,
                     std::uint64_t seed);

  std::int64_t num_examples() const;
  std::uint64_t seed() const { return seed_; }
  const PretrainingOptions& options() const { return options_; }
  const PretrainingTokens& special() const { return special_; }
  /// Masked. Throws std::out_of_range outside [0, num_examples()).
  PretrainingExample example(std::int64_t epoch, std::int64_t number) const;
  /// The same without masks; `labels` are -100. For those who mask otherwise.
  PretrainingExample unmasked_example(std::int64_t epoch, std::int64_t number) const;

 private:
  struct Plan;
  struct Shared;

  std::shared_ptr<const Plan> plan_of(std::int64_t epoch) const;

  std::uint64_t seed_;
  PretrainingOptions options_;
  PretrainingTokens special_;
  std::shared_ptr<Shared> shared_;
};

struct PretrainingBatch {
  torch::Tensor ids;              ///< (B,T) int64, padded on the right with the pad token
  torch::Tensor type_ids;         ///< (B,T) int64, 0 in padding
  torch::Tensor lengths;          ///< (B) int64
  torch::Tensor labels;           ///< (B,T) int64: tokens to be restored, -100 elsewhere
  torch::Tensor sentence_labels;  ///< (B) int64; -100 where nothing is asked
};

/// The examples as one batch, as wide as the longest.
PretrainingBatch pretraining_batch(std::span<const PretrainingExample> examples, std::int64_t pad);

/// The batch on `device`.
PretrainingBatch to_device(PretrainingBatch batch, torch::Device device);

/// Endless training batches in the order of EpochOrder, from the data set's seed.
std::unique_ptr<BatchIterator<PretrainingBatch>> pretraining_batches(PretrainingDataset dataset,
                                                                     std::int64_t batch_size,
                                                                     std::size_t prepare_ahead = 0, Rank rank = {});

}  // namespace langzoo
