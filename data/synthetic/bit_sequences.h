/// The tasks of Graves, Wayne and Danihelka 2014, https://arxiv.org/abs/1410.5401, section 4: sequences of bits from
/// which an algorithm is to be learnt. Everything is decided by seeds, without end.
///
/// A sequence is read whole before it is answered; where a task says an answer, nothing is put in meanwhile. Vectors
/// have as many bits as the options say. With L the length, in their order of steps:
///
///     copy         L vectors, a step with the delimiter; then the same L vectors are the answer
///     repeat-copy  L vectors, a step with the delimiter and the number of repeats on a channel of its own, which is
///                  (repeats - 5.5) / 2.8723: mean 0 and variance 1 among 1 to 10; the answer is the vectors so many
///                  times, then a step with the end marker
///     recall       L items of 3 vectors, before each a step with the delimiter; then one of them but the last between
///                  two steps with the query's delimiter; the answer is the item that followed it
///     ngrams       L bits, of which each after the fifth is 1 with the probability that a table drawn for the sequence
///                  gives the five before it, Beta(1/2, 1/2); in each step the next bit is the answer, counted from the
///                  sixth on
///     sort         L vectors, each with a priority on a channel of its own, uniform in [-1, 1), then a step with the
///                  delimiter; the answer is the four fifths of them (rounded up) with the highest, highest first
///
/// Letters: T steps, B rows, I channels in, O channels out, L length.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "data/random/random.h"

namespace langzoo {

enum class BitTask { kCopy, kRepeatCopy, kRecall, kNgrams, kSort };

/// "copy", "repeat-copy", "recall", "ngrams", "sort".
std::span<const std::string_view> bit_task_names();
/// Throws std::invalid_argument for any other name.
BitTask bit_task_from_name(std::string_view name);

/// The sizes that one task has with so many bits a vector.
struct BitTaskFormat {
  BitTask task = BitTask::kCopy;
  std::int64_t bits = 8;

  /// With the paper's bits: 8, for repeat-copy and recall 6, for ngrams 1.
  static BitTaskFormat of(BitTask task);
  /// Throws std::invalid_argument unless bits is in [1, 4096], and 1 for ngrams.
  void validate() const;

  std::int64_t input_size() const;
  std::int64_t output_size() const;
  /// The channel with numbers that are no bits.
  std::optional<std::int64_t> number_channel() const;
};

struct BitSequence {
  std::int64_t steps = 0;
  std::int64_t answer_begin = 0;  ///< the first step that counts; all from there do
  std::vector<float> inputs;      ///< (T,I)
  std::vector<float> targets;     ///< (T - answer_begin, O); of a sequence without a known answer empty
};

/// What goes into a sequence beside its vectors.
struct BitSequenceExtras {
  std::int64_t repeats = 1;             ///< of repeat-copy
  std::vector<double> priorities = {};  ///< of sort: one a vector
};

/// The sequence that puts these vectors, each of format.bits values, to the model; its answer is not filled in. Of
/// recall they are the items' and then the query's, of ngrams all bits that are known, whose continuation is asked too.
/// Throws std::invalid_argument saying what does not fit.
BitSequence framed_bits(const BitTaskFormat& format, const std::vector<std::vector<float>>& vectors,
                        const BitSequenceExtras& extras);

/// A drawn one with its answer. `length` is at least 1, for recall at least 2, for ngrams at least 6; `repeats` is of
/// repeat-copy. Throws std::invalid_argument otherwise.
BitSequence draw_bits(const BitTaskFormat& format, std::int64_t length, std::int64_t repeats, Random& random);

/// Which sequences are drawn.
struct BitLengths {
  std::int64_t least = 20, most = 20;  ///< of a batch the length is uniform among these
  std::int64_t least_repeats = 10, most_repeats = 10;
};
/// The shortest sequence that a task has.
std::int64_t least_length(BitTask task);

/// Sequences of one length.
struct BitBatch {
  torch::Tensor inputs;   ///< (T,B,I) float32
  torch::Tensor targets;  ///< (T - answer_begin, B, O) float32
  std::int64_t answer_begin = 0;
  /// Of ngrams: the bits that the best possible estimator needs for all answers of the batch; of others 0.
  double optimal_bits = 0;
};

/// Sequences first, first + 1, ... of those of the seed: each is decided by its number and by the length that all of a
/// batch have, which `first` decides. Throws as draw_bits().
BitBatch bit_batch(const BitTaskFormat& format, const BitLengths& lengths, std::int64_t size, std::uint64_t seed,
                   std::uint64_t first);

/// The bits that the Bayesian estimator, P(1 | context) = (ones + 1/2) / (ones + zeros + 1) among what followed the
/// same five bits before (equation 10), needs for the sixth and all further bits. No model needs fewer on average.
double optimal_ngram_bits(std::span<const float> bits);

}  // namespace langzoo
