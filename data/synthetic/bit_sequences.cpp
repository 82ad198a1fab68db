#include "data/synthetic/bit_sequences.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"copy", "repeat-copy", "recall", "ngrams", "sort"};
constexpr std::int64_t kItem = 3;                                             // vectors of an item of recall
constexpr std::int64_t kContext = 5;                                          // bits that an n-gram's last depends on
constexpr double kMeanRepeats = 5.5, kRepeatsDeviation = 2.8722813232690143;  // of 1 to 10
/// Of a sequence: what a mistyped length would make must not take the memory.
constexpr std::int64_t kMostSteps = 1 << 22;

using Vectors = std::vector<std::vector<float>>;

std::int64_t answers_of_sort(std::int64_t length) {
  return (4 * length + 4) / 5;
}

/// Steps of (T,I) one after the other.
class Writer {
 public:
  Writer(std::int64_t steps, std::int64_t channels) : channels_(channels) {
    if (steps > kMostSteps)
      throw std::invalid_argument(fmt::format("a sequence of {} steps: at most {} are taken", steps, kMostSteps));
    values_.resize(static_cast<std::size_t>(steps * channels));
  }
  void put(const std::vector<float>& vector) {
    std::copy(vector.begin(), vector.end(), values_.begin() + at_ * channels_);
    ++at_;
  }
  void mark(std::int64_t channel, float value = 1) {
    values_[static_cast<std::size_t>(at_ * channels_ + channel)] = value;
  }
  void next() { ++at_; }
  std::int64_t step() const { return at_; }
  std::vector<float> take() { return std::move(values_); }

 private:
  std::int64_t channels_, at_ = 0;
  std::vector<float> values_;
};

std::vector<float> random_vector(std::int64_t bits, Random& random) {
  std::vector<float> vector(static_cast<std::size_t>(bits));
  for (auto& bit : vector) bit = static_cast<float>(random.next() >> 63);
  return vector;
}

Vectors random_vectors(std::int64_t count, std::int64_t bits, Random& random) {
  Vectors vectors;
  for (std::int64_t i = 0; i < count; ++i) vectors.push_back(random_vector(bits, random));
  return vectors;
}

std::size_t context_at(std::span<const float> bits, std::size_t end) {
  std::size_t context = 0;
  for (std::size_t i = end - kContext; i < end; ++i) context = 2 * context + (bits[i] > 0.5f ? 1 : 0);
  return context;
}

void require(bool holds, const std::string& otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

}  // namespace

std::span<const std::string_view> bit_task_names() {
  return kNames;
}

BitTask bit_task_from_name(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  require(found != kNames.end(), fmt::format("there is no task '{}'; there are {}", name, fmt::join(kNames, ", ")));
  return static_cast<BitTask>(found - kNames.begin());
}

BitTaskFormat BitTaskFormat::of(BitTask task) {
  switch (task) {
    case BitTask::kRepeatCopy:
    case BitTask::kRecall:
      return {task, 6};
    case BitTask::kNgrams:
      return {task, 1};
    case BitTask::kCopy:
    case BitTask::kSort:
      break;
  }
  return {task, 8};
}

void BitTaskFormat::validate() const {
  require(bits >= 1 && bits <= 4096, fmt::format("{} bits a vector: 1 to 4096 are possible", bits));
  require(task != BitTask::kNgrams || bits == 1, fmt::format("{} bits a vector: ngrams have 1", bits));
}

std::int64_t BitTaskFormat::input_size() const {
  return task == BitTask::kNgrams ? bits : task == BitTask::kCopy ? bits + 1 : bits + 2;
}

std::int64_t BitTaskFormat::output_size() const {
  return task == BitTask::kRepeatCopy ? bits + 1 : bits;
}

std::optional<std::int64_t> BitTaskFormat::number_channel() const {
  if (task == BitTask::kRepeatCopy) return bits + 1;
  if (task == BitTask::kSort) return bits;
  return std::nullopt;
}

BitSequence framed_bits(const BitTaskFormat& format, const Vectors& vectors, const BitSequenceExtras& extras) {
  format.validate();
  const auto bits = format.bits, count = std::ssize(vectors);
  require(count > 0, "the sequence is empty");
  for (const auto& vector : vectors)
    require(std::ssize(vector) == bits, fmt::format("a vector of {} bits: the task has {}", vector.size(), bits));
  BitSequence sequence;
  const auto begin = [&](std::int64_t read, std::int64_t answers) {
    sequence.steps = read + answers;
    sequence.answer_begin = read;
    return Writer(sequence.steps, format.input_size());
  };
  switch (format.task) {
    case BitTask::kCopy:
    case BitTask::kRepeatCopy: {
      const bool repeats = format.task == BitTask::kRepeatCopy;
      require(!repeats || (extras.repeats >= 1 && extras.repeats <= kMostSteps),
              fmt::format("repeats = {}: must be from 1 to {}", extras.repeats, kMostSteps));
      auto input = begin(count + 1, repeats ? count * extras.repeats + 1 : count);
      for (const auto& vector : vectors) input.put(vector);
      input.mark(bits);
      const auto number = (static_cast<double>(extras.repeats) - kMeanRepeats) / kRepeatsDeviation;
      if (repeats) input.mark(bits + 1, static_cast<float>(number));
      sequence.inputs = input.take();
      break;
    }
    case BitTask::kRecall: {
      require(count % kItem == 0 && count > 2 * kItem - 1,
              fmt::format("{} vectors: items of {} and the query's {} are needed", count, kItem, kItem));
      const auto items = count / kItem - 1;
      auto input = begin(items * (kItem + 1) + kItem + 2, kItem);
      for (std::int64_t i = 0; i <= items; ++i) {
        input.mark(i < items ? bits : bits + 1);
        input.next();
        for (std::int64_t k = 0; k < kItem; ++k) input.put(vectors[static_cast<std::size_t>(i * kItem + k)]);
      }
      input.mark(bits + 1);
      sequence.inputs = input.take();
      break;
    }
    case BitTask::kNgrams: {
      auto input = begin(count, 0);
      for (const auto& vector : vectors) input.put(vector);
      sequence.answer_begin = std::min(kContext - 1, count - 1);
      sequence.inputs = input.take();
      break;
    }
    case BitTask::kSort: {
      require(std::ssize(extras.priorities) == count,
              fmt::format("{} priorities for {} vectors", extras.priorities.size(), count));
      auto input = begin(count + 1, answers_of_sort(count));
      for (std::size_t i = 0; i < vectors.size(); ++i) {
        input.mark(bits, static_cast<float>(extras.priorities[i]));
        input.put(vectors[i]);
      }
      input.mark(bits + 1);
      sequence.inputs = input.take();
      break;
    }
  }
  return sequence;
}

std::int64_t least_length(BitTask task) {
  return task == BitTask::kRecall ? 2 : task == BitTask::kNgrams ? kContext + 1 : 1;
}

BitSequence draw_bits(const BitTaskFormat& format, std::int64_t length, std::int64_t repeats, Random& random) {
  const auto bits = format.bits;
  const auto least = least_length(format.task);
  require(length >= least && length <= kMostSteps,
          fmt::format("length {}: {} has sequences of {} to {}", length, kNames[static_cast<std::size_t>(format.task)],
                      least, kMostSteps));
  BitSequenceExtras extras{.repeats = repeats};
  BitSequence sequence;
  const auto answer = [&](std::int64_t steps) { return Writer(steps, format.output_size()); };
  switch (format.task) {
    case BitTask::kCopy:
    case BitTask::kRepeatCopy: {
      const bool marks_end = format.task == BitTask::kRepeatCopy;
      const auto vectors = random_vectors(length, bits, random);
      sequence = framed_bits(format, vectors, extras);
      auto target = answer(sequence.steps - sequence.answer_begin);
      for (std::int64_t i = 0; i < (marks_end ? repeats : 1); ++i) {
        for (const auto& vector : vectors) target.put(vector);
      }
      if (marks_end) target.mark(bits);
      sequence.targets = target.take();
      break;
    }
    case BitTask::kRecall: {
      auto vectors = random_vectors(length * kItem, bits, random);
      const auto asked = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(length - 1))) * kItem;
      const Vectors query(vectors.begin() + asked, vectors.begin() + asked + kItem);
      auto target = answer(kItem);
      for (std::int64_t k = 0; k < kItem; ++k) target.put(vectors[static_cast<std::size_t>(asked + kItem + k)]);
      vectors.insert(vectors.end(), query.begin(), query.end());
      sequence = framed_bits(format, vectors, extras);
      sequence.targets = target.take();
      break;
    }
    case BitTask::kNgrams: {
      std::array<double, 1 << kContext> table{};
      for (auto& p : table) {
        const double s = std::sin(std::numbers::pi / 2 * random.uniform());  // Beta(1/2, 1/2) by its inverse
        p = s * s;
      }
      std::vector<float> drawn;
      for (std::int64_t i = 0; i < length; ++i) {
        const double p = i < kContext ? 0.5 : table[context_at(drawn, drawn.size())];
        drawn.push_back(random.uniform() < p ? 1.0f : 0.0f);
      }
      Vectors read;
      for (std::int64_t i = 0; i + 1 < length; ++i) read.push_back({drawn[static_cast<std::size_t>(i)]});
      sequence = framed_bits(format, read, extras);
      sequence.targets.assign(drawn.begin() + sequence.answer_begin + 1, drawn.end());
      break;
    }
    case BitTask::kSort: {
      const auto vectors = random_vectors(length, bits, random);
      for (std::int64_t i = 0; i < length; ++i) extras.priorities.push_back(2 * random.uniform() - 1);
      sequence = framed_bits(format, vectors, extras);
      std::vector<std::size_t> order(vectors.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](auto a, auto b) { return extras.priorities[a] > extras.priorities[b]; });
      auto target = answer(answers_of_sort(length));
      for (std::int64_t i = 0; i < answers_of_sort(length); ++i)
        target.put(vectors[order[static_cast<std::size_t>(i)]]);
      sequence.targets = target.take();
      break;
    }
  }
  return sequence;
}

BitBatch bit_batch(const BitTaskFormat& format, const BitLengths& lengths, std::int64_t size, std::uint64_t seed,
                   std::uint64_t first) {
  require(size >= 1, fmt::format("a batch of {} sequences", size));
  require(lengths.least <= lengths.most && lengths.least_repeats <= lengths.most_repeats,
          fmt::format("lengths from {} to {}", lengths.least, lengths.most));
  Random shape(seed, ~first);
  const auto between = [&](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(shape.below(static_cast<std::uint64_t>(most - least + 1)));
  };
  const auto length = between(lengths.least, lengths.most),
             repeats = between(lengths.least_repeats, lengths.most_repeats);
  BitBatch batch;
  std::vector<torch::Tensor> inputs, targets;
  for (std::int64_t b = 0; b < size; ++b) {
    Random random(seed, first + static_cast<std::uint64_t>(b));
    auto sequence = draw_bits(format, length, repeats, random);
    batch.answer_begin = sequence.answer_begin;
    if (format.task == BitTask::kNgrams) {
      auto bits = sequence.inputs;
      bits.push_back(sequence.targets.back());
      batch.optimal_bits += optimal_ngram_bits(bits);
    }
    inputs.push_back(torch::tensor(sequence.inputs).view({sequence.steps, format.input_size()}));
    targets.push_back(
        torch::tensor(sequence.targets).view({sequence.steps - sequence.answer_begin, format.output_size()}));
  }
  batch.inputs = torch::stack(inputs, 1);
  batch.targets = torch::stack(targets, 1);
  return batch;
}

double optimal_ngram_bits(std::span<const float> bits) {
  std::array<std::array<double, 2>, 1 << kContext> counts{};
  double needed = 0;
  for (std::size_t i = kContext; i < bits.size(); ++i) {
    auto& followed = counts[context_at(bits, i)];
    const std::size_t bit = bits[i] > 0.5f ? 1 : 0;
    needed -= std::log2((followed[bit] + 0.5) / (followed[0] + followed[1] + 1));
    ++followed[bit];
  }
  return needed;
}

}  // namespace langzoo
