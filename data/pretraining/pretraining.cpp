#include "data/pretraining/pretraining.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/text_lines.h"
#include "data/text/causal_lm.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// What is drawn for an epoch or an example, apart from each other.
enum class Purpose : std::uint64_t { kPlan = 1, kExample, kMasks };

Random random_of(Purpose purpose, std::uint64_t seed, std::int64_t epoch, std::int64_t number) {
  Random stream(mix_bits(seed) + static_cast<std::uint64_t>(purpose), static_cast<std::uint64_t>(epoch));
  return {stream.next(), static_cast<std::uint64_t>(number)};
}

/// [CLS], [SEP] and, of pairs, another [SEP].
std::int64_t special_count(SentenceTask task) {
  return task == SentenceTask::kPacked ? 2 : 3;
}

/// A pair is to have both halves, and packing pieces as long as an example would leave much of it empty.
std::size_t longest_sentence(const PretrainingOptions& options) {
  const auto room = options.max_length - special_count(options.sentences);
  return static_cast<std::size_t>(
      std::max<std::int64_t>(1, room / (options.sentences == SentenceTask::kPacked ? 4 : 2)));
}

/// Which sentences make up an example.
struct Cut {
  std::uint64_t first;
  std::uint32_t of_a, of_b;  ///< none of B: one segment, or B of another document
  std::uint32_t target;      ///< tokens of both halves
};

}  // namespace

struct PretrainingDataset::Plan {
  std::int64_t epoch;
  std::vector<Cut> cuts;
};

struct PretrainingDataset::Shared {
  Shared(TokenView sentences, std::size_t longest) : corpus(sentences, longest) {}

  SentenceCorpus corpus;
  std::optional<WordBeginnings> beginnings;
  std::vector<float> weights;
  std::int64_t num_examples = 0;
  std::mutex mutex;  ///< guards:
  std::shared_ptr<const Plan> latest;
};

namespace {

std::vector<std::uint64_t> token_counts(const SentenceCorpus& corpus) {
  std::vector<std::uint64_t> counts(corpus.vocab_size(), 0);
  std::vector<std::int64_t> ids;
  for (std::size_t sentence = 0; sentence < corpus.sentences(); ++sentence) {
    ids.clear();
    corpus.read(sentence, ids);
    for (const auto id : ids) ++counts[static_cast<std::size_t>(id)];
  }
  return counts;
}

std::uint64_t between(Random& random, std::uint64_t least, std::uint64_t most) {
  return least + random.below(most - least + 1);
}

/// Sentences are packed from a random one on; those before it make examples of their own.
std::vector<Cut> packed_cuts(const SentenceCorpus& corpus, std::size_t room, Random random) {
  constexpr std::size_t kShift = 256;
  const auto begin = random.below(std::min(corpus.sentences(), kShift));
  std::vector<Cut> cuts;
  for (const auto& [first, last] : {SentenceRange{0, begin}, SentenceRange{begin, corpus.sentences()}}) {
    std::size_t tokens = 0, document = corpus.document_of(std::min(first, corpus.sentences() - 1));
    std::size_t document_end = corpus.document(document).end;
    for (auto sentence = first; sentence < last; ++sentence) {
      const bool begins = sentence == document_end;  // of the next document, behind a [SEP]
      if (begins) document_end = corpus.document(++document).end;
      const auto length = corpus.length(sentence);
      const bool fits = sentence > first && tokens + begins + length <= room;
      if (!fits) cuts.push_back({sentence, 0, 0, static_cast<std::uint32_t>(room)});
      ++cuts.back().of_a;
      tokens = fits ? tokens + begins + length : length;
    }
  }
  return cuts;
}

std::vector<Cut> pair_cuts(const SentenceCorpus& corpus, const PretrainingOptions& options, Random random) {
  const auto room = static_cast<std::uint64_t>(options.max_length - special_count(options.sentences));
  std::vector<Cut> cuts;
  for (std::size_t d = 0; d < corpus.documents(); ++d) {
    const auto document = corpus.document(d);
    for (auto first = document.begin; first < document.end;) {
      const bool is_short = random.uniform() < options.short_examples;
      const auto target = is_short ? between(random, 2, room) : room;
      std::size_t tokens = 0, end = first;
      while (end < document.end && tokens < target) tokens += corpus.length(end++);
      const auto gathered = end - first;
      const auto of_a = gathered < 2 ? 1 : between(random, 1, gathered - 1);
      const bool other = options.sentences == SentenceTask::kNextSentence && (gathered < 2 || random.below(2) == 0);
      const auto of_b = other ? 0 : gathered - of_a;
      cuts.push_back({first, static_cast<std::uint32_t>(of_a), static_cast<std::uint32_t>(of_b),
                      static_cast<std::uint32_t>(target)});
      first += of_a + of_b;
    }
  }
  return cuts;
}

/// A half of at least `wanted` tokens, where its document has so many, from a random sentence of another document.
std::vector<std::int64_t> another_documents(const SentenceCorpus& corpus, std::size_t sentence, std::size_t wanted,
                                            Random& random) {
  auto document = random.below(corpus.documents());
  if (corpus.documents() > 1) {
    const auto own = corpus.document_of(sentence);
    document = (own + 1 + random.below(corpus.documents() - 1)) % corpus.documents();
  }
  const auto range = corpus.document(document);
  std::vector<std::int64_t> ids;
  for (auto s = range.begin + random.below(range.size()); s < range.end && (ids.empty() || ids.size() < wanted); ++s) {
    corpus.read(s, ids);
  }
  return ids;
}

/// Takes tokens off the longer half, each at a random end, until both have at most `room`.
void truncate_pair(std::vector<std::int64_t>& a, std::vector<std::int64_t>& b, std::size_t room, Random& random) {
  std::size_t front[2] = {0, 0}, back[2] = {0, 0};
  const auto left = [&](int half) { return (half == 0 ? a : b).size() - front[half] - back[half]; };
  while (left(0) + left(1) > room) {
    const int half = left(0) > left(1) ? 0 : 1;
    ++(random.below(2) == 0 ? front : back)[half];
  }
  for (const int half : {0, 1}) {
    auto& ids = half == 0 ? a : b;
    ids.resize(ids.size() - back[half]);
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(front[half]));
  }
}

}  // namespace

std::shared_ptr<const KnownPhrases> known_phrases(std::string_view lines, const Tokenizer& tokenizer) {
  auto known = std::make_shared<KnownPhrases>();
  Fingerprint print(1);
  TextLines reader(lines);
  std::int64_t phrase = 0;
  for (std::string_view line; reader.next(line);) {
    std::vector<TokenId> tokens;
    tokenizer.encode(line, tokens);
    const std::vector<std::int64_t> ids(tokens.begin(), tokens.end());
    if (line.find_first_not_of(kSpaces) == std::string_view::npos) continue;
    const auto unknown = tokenizer.special_tokens().unk;
    if (ids.empty() || (unknown && std::find(tokens.begin(), tokens.end(), *unknown) != tokens.end())) {
      ++known->left_out;
      continue;
    }
    known->matcher.add(ids, phrase++);
    print.add(ids.size());
    for (const auto id : ids) print.add(static_cast<std::uint64_t>(id));
  }
  known->fingerprint = print.value();
  return known;
}

void PretrainingOptions::validate() const {
  masking.validate();
  const std::int64_t least = special_count(sentences) + 2;
  if (max_length < least)
    throw std::invalid_argument(fmt::format("max_length is {}, expected at least {}", max_length, least));
  if (!(short_examples >= 0 && short_examples <= 1))
    throw std::invalid_argument(fmt::format("short_examples is {}, expected 0 to 1", short_examples));
  if (!(prefer_rare >= 0 && prefer_rare <= 10))
    throw std::invalid_argument(fmt::format("prefer_rare is {}, expected 0 to 10", prefer_rare));
}

PretrainingTokens PretrainingTokens::of(const Tokenizer& tokenizer) {
  const auto& special = tokenizer.special_tokens();
  const auto need = [](std::optional<TokenId> id, std::optional<TokenId> instead, const char* name) -> std::int64_t {
    if (id) return *id;
    if (instead) return *instead;
    throw std::invalid_argument(
        fmt::format("the tokenizer has no {} token, which pretraining needs: give it one", name));
  };
  return {need(special.cls, special.bos, "[CLS]"), need(special.sep, special.eos, "[SEP]"),
          need(special.mask, {}, "[MASK]"), need(special.pad, 0, "[PAD]")};
}

PretrainingDataset::PretrainingDataset(TokenView sentences, const Tokenizer& tokenizer,
                                       const PretrainingOptions& options, std::uint64_t seed)
    : seed_(seed), options_(options), special_(PretrainingTokens::of(tokenizer)) {
  options.validate();
  if (sentences.vocab_size() != tokenizer.vocab_size() + 2) {
    throw std::invalid_argument(fmt::format("sentences of a vocabulary of {} for one of {}", sentences.vocab_size() - 2,
                                            tokenizer.vocab_size()));
  }
  shared_ = std::make_shared<Shared>(sentences, longest_sentence(options));
  if (options.masking.whole_words || options.phrases) shared_->beginnings.emplace(tokenizer);
  if (options.prefer_rare > 0) shared_->weights = rarity_weights(token_counts(shared_->corpus), options.prefer_rare);
  shared_->num_examples = static_cast<std::int64_t>(plan_of(0)->cuts.size());
}

std::int64_t PretrainingDataset::num_examples() const {
  return shared_->num_examples;
}

std::shared_ptr<const PretrainingDataset::Plan> PretrainingDataset::plan_of(std::int64_t epoch) const {
  if (!options_.dynamic_examples) epoch = 0;
  const std::lock_guard lock(shared_->mutex);
  if (auto& latest = shared_->latest; !latest || latest->epoch != epoch) {
    const auto random = random_of(Purpose::kPlan, seed_, epoch, 0);
    const auto room = static_cast<std::size_t>(options_.max_length - special_count(options_.sentences));
    latest = std::make_shared<const Plan>(Plan{epoch, options_.sentences == SentenceTask::kPacked
                                                          ? packed_cuts(shared_->corpus, room, random)
                                                          : pair_cuts(shared_->corpus, options_, random)});
  }
  return shared_->latest;
}

PretrainingExample PretrainingDataset::unmasked_example(std::int64_t epoch, std::int64_t number) const {
  if (number < 0 || number >= num_examples()) {
    throw std::out_of_range(fmt::format("example {} of an epoch of {}", number, num_examples()));
  }
  if (!options_.dynamic_examples) epoch = 0;
  const auto& corpus = shared_->corpus;
  const auto plan = plan_of(epoch);
  // Where there are more or fewer cuts than examples, chance says which are left out or come twice.
  const auto shift = random_of(Purpose::kPlan, seed_, epoch, 1).below(plan->cuts.size());
  const auto& [first, of_a, of_b, target] =
      plan->cuts[(static_cast<std::uint64_t>(number) + shift) % plan->cuts.size()];
  auto random = random_of(Purpose::kExample, seed_, epoch, number);
  const auto room = static_cast<std::size_t>(options_.max_length - special_count(options_.sentences));
  PretrainingExample example;
  std::vector<std::int64_t> a, b;
  if (options_.sentences == SentenceTask::kPacked) {
    auto document_end = corpus.document(corpus.document_of(first)).end;
    for (auto sentence = first; sentence < first + of_a; ++sentence) {
      if (sentence == document_end) {
        a.push_back(special_.sep);
        document_end = corpus.document(corpus.document_of(sentence)).end;
      }
      corpus.read(sentence, a);
    }
  } else {
    for (auto sentence = first; sentence < first + of_a; ++sentence) corpus.read(sentence, a);
    for (auto sentence = first + of_a; sentence < first + of_a + of_b; ++sentence) corpus.read(sentence, b);
    if (options_.sentences != SentenceTask::kPair) {
      example.sentence_label = of_b == 0 ? 1 : 0;
      if (of_b == 0) b = another_documents(corpus, first, target > a.size() ? target - a.size() : 1, random);
      if (of_b > 0 && options_.sentences == SentenceTask::kSentenceOrder && random.below(2) == 1) {
        example.sentence_label = 1;
        a.swap(b);
      }
    }
    truncate_pair(a, b, room, random);
  }
  const auto add = [&](const std::vector<std::int64_t>& half, std::int64_t type) {
    example.ids.insert(example.ids.end(), half.begin(), half.end());
    example.ids.push_back(special_.sep);
    example.type_ids.resize(example.ids.size(), type);
  };
  example.ids.push_back(special_.cls);
  add(a, 0);
  if (!b.empty()) add(b, 1);
  example.labels.assign(example.ids.size(), kIgnoredTarget);
  return example;
}

PretrainingExample PretrainingDataset::example(std::int64_t epoch, std::int64_t number) const {
  auto example = unmasked_example(epoch, number);
  std::vector<std::uint8_t> special(example.ids.size());
  for (std::size_t i = 0; i < special.size(); ++i) {
    const auto id = example.ids[i];
    special[i] = id == special_.cls || id == special_.sep || id == special_.pad || id == special_.mask ? 1 : 0;
  }
  const MaskingVocabulary vocabulary{static_cast<std::int64_t>(shared_->corpus.vocab_size()), special_.mask,
                                     shared_->beginnings ? &*shared_->beginnings : nullptr,
                                     options_.phrases ? &options_.phrases->matcher : nullptr, shared_->weights};
  auto random = random_of(Purpose::kMasks, seed_, options_.dynamic_masking ? epoch : 0, number);
  example.labels = mask_tokens(example.ids, special, vocabulary, options_.masking, random);
  return example;
}

PretrainingBatch pretraining_batch(std::span<const PretrainingExample> examples, std::int64_t pad) {
  const auto rows = static_cast<std::int64_t>(examples.size());
  std::size_t width = 0;
  for (const auto& example : examples) width = std::max(width, example.ids.size());
  const std::vector<std::int64_t> shape{rows, static_cast<std::int64_t>(width)};
  PretrainingBatch batch{torch::full(shape, pad, torch::kInt64), torch::zeros(shape, torch::kInt64),
                         torch::empty({rows}, torch::kInt64), torch::full(shape, kIgnoredTarget, torch::kInt64),
                         torch::empty({rows}, torch::kInt64)};
  for (std::size_t r = 0; r < examples.size(); ++r) {
    const auto& example = examples[r];
    const auto put = [&](const std::vector<std::int64_t>& values, torch::Tensor& to) {
      std::copy(values.begin(), values.end(), to.data_ptr<std::int64_t>() + r * width);
    };
    put(example.ids, batch.ids);
    put(example.type_ids, batch.type_ids);
    put(example.labels, batch.labels);
    batch.lengths.data_ptr<std::int64_t>()[r] = static_cast<std::int64_t>(example.ids.size());
    batch.sentence_labels.data_ptr<std::int64_t>()[r] = example.sentence_label;
  }
  return batch;
}

PretrainingBatch to_device(PretrainingBatch batch, torch::Device device) {
  for (auto* tensor : {&batch.ids, &batch.type_ids, &batch.lengths, &batch.labels, &batch.sentence_labels}) {
    *tensor = tensor->to(device);
  }
  return batch;
}

std::unique_ptr<BatchIterator<PretrainingBatch>> pretraining_batches(PretrainingDataset dataset,
                                                                     std::int64_t batch_size, std::size_t prepare_ahead,
                                                                     Rank rank) {
  check_rank(rank);
  const EpochOrder order(dataset.num_examples(), batch_size * rank.world, dataset.seed());
  return std::make_unique<BatchIterator<PretrainingBatch>>(
      order.batches_per_epoch(),
      [dataset, order, rank](const DataPosition& at) {
        std::vector<PretrainingExample> examples;
        for (const auto number : share_of(order.examples(at), rank))
          examples.push_back(dataset.example(at.epoch, number));
        return pretraining_batch(examples, dataset.special().pad);
      },
      prepare_ahead);
}

}  // namespace langzoo
