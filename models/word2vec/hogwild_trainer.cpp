#include "models/word2vec/hogwild_trainer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include "models/layers/parallel_for.h"
#include "models/word2vec/row_cache.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Where a block's sentences end; as in data/words/word_corpus.h.
constexpr std::int32_t kSentenceEnd = -1;
/// Positions ahead whose rows are asked for: two updates take about as long as a read from the last-level cache.
constexpr std::int64_t kAhead = 2;
/// Inputs and targets of one step of SGD, whose gradients are those at its beginning: many more would be many times the
/// same few rows, and their sum a step that diverges. Ordinary windows and negatives stay below.
constexpr std::size_t kMostAtOnce = 64;
/// Rows of each table that threads have copies of.
constexpr std::int64_t kHotRows = 256;

void prefetch_row(const float* row, std::int64_t dim) {
  const auto* bytes = reinterpret_cast<const char*>(row);
  for (std::int64_t i = 0; i < dim * 4; i += 64) __builtin_prefetch(bytes + i, 1);
}

/// What is learned at one word of a text.
struct Update {
  std::span<const std::int32_t> rows;  ///< of the input embedding
  bool composed = false;               ///< their mean is one input; else each is an input
  std::span<const std::int32_t> targets;
  std::span<const float> labels;
  std::int64_t examples = 0;
};

}  // namespace

struct HogwildTrainer::Impl {
  Impl(Word2Vec model, std::span<const std::int64_t> counts, std::span<const std::string> words, std::uint64_t seed);

  /// Memory of one thread.
  struct Workspace {
    /// Without tables nothing is updated: the examples are only listed.
    struct Tables {
      float *embeddings = nullptr, *output = nullptr;
    };
    Workspace(const Impl& impl, const Tables& tables, bool shared)
        : updates(tables.embeddings != nullptr),
          embeddings(tables.embeddings, impl.config.dim, shared ? &*impl.hot_embeddings : nullptr),
          output(tables.output, impl.config.dim, shared ? &*impl.hot_output : nullptr) {}

    bool updates;
    RowCache embeddings, output;
    std::vector<float*> input_rows, target_rows;
    std::vector<std::int32_t> ids, kept, negatives, rows, targets;
    std::vector<std::int64_t> windows;
    std::vector<float> labels;
    LogisticScratch scratch;
  };

  /// Calls visit(update) for every word of the block that has a neighbour.
  template <class Visit>
  void for_each_update(Workspace& work, Random random, const Visit& visit) const;
  template <class Visit>
  void sentence_updates(Workspace& work, Random& random, const Visit& visit) const;
  void draw(Workspace& work, Random& random, std::int64_t position, bool for_each_neighbor) const;
  void add_target(Workspace& work, std::int32_t word, const std::int32_t* drawn) const;
  void prefetch(Workspace& work, std::int64_t position) const;
  float apply(Workspace& work, const Update& update, double learning_rate) const;

  /// The parameters as they are now, which an optimizer or a device may have moved since.
  Workspace::Tables tables() const;

  Random random_for(std::int64_t epoch, std::int64_t block) const {
    return Random(seed ^ mix_bits(static_cast<std::uint64_t>(epoch) + 1), static_cast<std::uint64_t>(block));
  }

  Word2Vec model;
  Word2VecConfig config;
  Subsampler subsampler;
  std::optional<NegativeSampler> sampler;
  std::optional<HuffmanTree> tree;
  std::optional<SubwordRows> subwords;
  std::optional<HotRows> hot_embeddings, hot_output;
  std::uint64_t seed;
  std::int64_t negatives;  ///< drawn for each target
};

HogwildTrainer::Impl::Impl(Word2Vec m, std::span<const std::int64_t> counts, std::span<const std::string> words,
                           std::uint64_t s)
    : model(std::move(m)), config(model->config()), subsampler(counts, config.sample), seed(s) {
  if (static_cast<std::int64_t>(counts.size()) != config.vocab_size) {
    throw std::invalid_argument("the model has " + std::to_string(config.vocab_size) + " words, the vocabulary " +
                                std::to_string(counts.size()));
  }
  if (config.objective == "ns") sampler.emplace(counts, config.sampling_power);
  if (config.objective == "hs") tree.emplace(counts);
  negatives = sampler ? config.negative : 0;
  if (config.subwords) {
    if (words.size() != counts.size()) throw std::invalid_argument("subwords need the words of the vocabulary");
    subwords.emplace(words, config.subword_options());
  }
  // An n-gram is as frequent as the words it occurs in; a word, and as a target also by its negatives, by its count.
  std::vector<std::int64_t> input_weights(counts.begin(), counts.end()), output_weights = input_weights;
  input_weights.resize(static_cast<std::size_t>(config.input_rows()));
  for (std::int64_t word = 0; subwords && word < config.vocab_size; ++word) {
    const auto rows = subwords->of(word);
    for (std::int64_t i = 1; i < rows.size; ++i)
      input_weights[static_cast<std::size_t>(rows.data[i])] += counts[static_cast<std::size_t>(word)];
  }
  if (tree) {
    output_weights.assign(static_cast<std::size_t>(config.output_rows()), 0);
    for (std::int64_t word = 0; word < config.vocab_size; ++word) {
      for (const auto node : tree->nodes(word))
        output_weights[static_cast<std::size_t>(node)] += counts[static_cast<std::size_t>(word)];
    }
  }
  hot_embeddings.emplace(input_weights, kHotRows);
  hot_output.emplace(output_weights, kHotRows);
}

HogwildTrainer::Impl::Workspace::Tables HogwildTrainer::Impl::tables() const {
  for (const auto& table : {model->embeddings(), model->output()}) {
    if (!table.device().is_cpu() || table.scalar_type() != torch::kFloat32 || !table.is_contiguous()) {
      throw std::invalid_argument("the Hogwild trainer needs contiguous float32 parameters on the CPU");
    }
  }
  return {model->embeddings().data_ptr<float>(), model->output().data_ptr<float>()};
}

/// Appends what predicts `word`: itself and the negatives, or its path through the tree.
void HogwildTrainer::Impl::add_target(Workspace& work, std::int32_t word, const std::int32_t* drawn) const {
  if (tree) {
    const auto nodes = tree->nodes(word);
    const auto codes = tree->codes(word);
    work.targets.insert(work.targets.end(), nodes.begin(), nodes.end());
    for (const auto code : codes) work.labels.push_back(code == 0 ? 1.0f : 0.0f);
    return;
  }
  work.targets.push_back(word);
  work.labels.push_back(1.0f);
  for (std::int64_t k = 0; k < negatives; ++k) {
    if (drawn[k] == word) continue;
    work.targets.push_back(drawn[k]);
    work.labels.push_back(0.0f);
  }
}

void HogwildTrainer::Impl::prefetch(Workspace& work, std::int64_t position) const {
  if (position >= static_cast<std::int64_t>(work.kept.size())) return;
  const auto dim = config.dim;
  const auto word = work.kept[static_cast<std::size_t>(position)];
  if (tree) {
    for (const auto node : tree->nodes(word)) prefetch_row(work.output.row(node), dim);
  } else {
    prefetch_row(work.output.row(word), dim);
    const auto* drawn = work.negatives.data() + position * negatives;
    for (std::int64_t k = 0; k < negatives; ++k) prefetch_row(work.output.row(drawn[k]), dim);
  }
  const auto entering = static_cast<std::size_t>(position + config.window);
  if (entering < work.kept.size()) prefetch_row(work.embeddings.row(work.kept[entering]), dim);
}

float HogwildTrainer::Impl::apply(Workspace& work, const Update& update, double learning_rate) const {
  work.input_rows.clear();
  work.target_rows.clear();
  for (const auto row : update.rows) work.input_rows.push_back(work.embeddings.row(row));
  for (const auto row : update.targets) work.target_rows.push_back(work.output.row(row));
  LogisticStep step;
  step.dim = config.dim;
  step.composed = update.composed;
  step.full_gradient = config.full_input_gradient;
  step.learning_rate = static_cast<float>(learning_rate);
  const auto part_of = [](const auto& rows, std::size_t begin, std::size_t most) {
    return std::span(rows).subspan(begin, std::min(most, rows.size() - begin));
  };
  const auto inputs_at_once = update.composed ? work.input_rows.size() : kMostAtOnce;
  float loss = 0;
  for (std::size_t i = 0; i < work.input_rows.size(); i += inputs_at_once) {
    step.inputs = part_of(work.input_rows, i, inputs_at_once);
    for (std::size_t j = 0; j < work.target_rows.size(); j += kMostAtOnce) {
      step.targets = part_of(work.target_rows, j, kMostAtOnce);
      step.labels = part_of(update.labels, j, kMostAtOnce);
      loss += langzoo::apply(step, work.scratch);
    }
  }
  for (const auto row : update.rows) work.embeddings.written(row);
  for (const auto row : update.targets) work.output.written(row);
  return loss;
}

/// Appends the window of a position and its negatives.
void HogwildTrainer::Impl::draw(Workspace& work, Random& random, std::int64_t position, bool for_each_neighbor) const {
  const auto window =
      1 + static_cast<std::int64_t>((random.next() >> 32) * static_cast<std::uint64_t>(config.window) >> 32);
  work.windows.push_back(window);
  const auto last = static_cast<std::int64_t>(work.kept.size()) - 1;
  const auto neighbors = std::min(last, position + window) - std::max<std::int64_t>(0, position - window);
  const auto draws = negatives * (for_each_neighbor ? neighbors : 1);
  for (std::int64_t k = 0; k < draws; ++k) work.negatives.push_back(sampler->draw(random));
}

template <class Visit>
void HogwildTrainer::Impl::sentence_updates(Workspace& work, Random& random, const Visit& visit) const {
  const auto& kept = work.kept;
  const auto size = static_cast<std::int64_t>(kept.size());
  // fastText's direction predicts the neighbours from the word's own vector: each has its own negatives. They are
  // drawn position by position, for a sentence's would fill the memory where windows are wide; else all at once, so
  // that their rows can be asked for ahead.
  const bool from_center = config.subwords && config.skip_gram();
  work.windows.clear();
  work.negatives.clear();
  for (std::int64_t p = 0; p < size && !from_center; ++p) draw(work, random, p, false);
  for (std::int64_t p = 0; p < size; ++p) {
    if (from_center) {
      work.negatives.clear();
      draw(work, random, p, true);
    } else if (work.updates) {
      prefetch(work, p + kAhead);
    }
    const auto* drawn = work.negatives.data() + (from_center ? 0 : p * negatives);
    const auto begin = std::max<std::int64_t>(0, p - work.windows[static_cast<std::size_t>(p)]);
    const auto end = std::min(size, p + work.windows[static_cast<std::size_t>(p)] + 1);
    work.rows.clear();
    work.targets.clear();
    work.labels.clear();
    Update update;
    update.composed = config.subwords || !config.skip_gram();
    const auto add_rows = [&](std::int32_t word) {
      if (!subwords) return work.rows.push_back(word);
      const auto rows = subwords->of(word);
      work.rows.insert(work.rows.end(), rows.data, rows.data + rows.size);
    };
    const auto word = kept[static_cast<std::size_t>(p)];
    if (from_center) {
      add_rows(word);
    } else {
      add_target(work, word, drawn);
    }
    for (std::int64_t q = begin; q < end; ++q) {
      if (q == p) continue;
      const auto neighbor = kept[static_cast<std::size_t>(q)];
      if (!from_center) {
        add_rows(neighbor);
        continue;
      }
      add_target(work, neighbor, drawn);
      drawn += negatives;
    }
    if (end - begin < 2) continue;
    update.rows = work.rows;
    update.targets = work.targets;
    update.labels = work.labels;
    update.examples = config.skip_gram() ? end - begin - 1 : 1;
    visit(update);
  }
}

template <class Visit>
void HogwildTrainer::Impl::for_each_update(Workspace& work, Random random, const Visit& visit) const {
  auto begin = work.ids.begin();
  while (begin != work.ids.end()) {
    const auto end = std::find(begin, work.ids.end(), kSentenceEnd);
    work.kept.clear();
    subsampler.keep({begin, end}, random, work.kept);
    sentence_updates(work, random, visit);
    begin = end == work.ids.end() ? end : end + 1;
  }
}

HogwildTrainer::HogwildTrainer(Word2Vec model, std::span<const std::int64_t> counts, std::span<const std::string> words,
                               std::uint64_t seed)
    : impl_(std::make_unique<Impl>(std::move(model), counts, words, seed)) {}
HogwildTrainer::~HogwildTrainer() = default;
HogwildTrainer::HogwildTrainer(HogwildTrainer&&) noexcept = default;

Word2VecProgress HogwildTrainer::train(std::int64_t epoch, std::int64_t first, std::int64_t last, double learning_rate,
                                       const ReadBlock& read_block, int threads) {
  if (impl_->config.objective == "softmax") {
    throw std::invalid_argument("objective softmax changes every row at every step: train it by autograd");
  }
  const Impl& impl = *impl_;
  const auto tables = impl.tables();
  std::atomic<std::int64_t> next{first};
  std::mutex mutex;
  std::exception_ptr failure;
  Word2VecProgress total;
  parallel_for(std::max(1, threads), 1, [&](std::int64_t begin, std::int64_t end) {
    if (begin == end) return;
    Impl::Workspace work(impl, tables, threads > 1);
    Word2VecProgress mine;
    try {
      for (auto block = next++; block < last; block = next++) {
        read_block(block, work.ids);
        mine.words +=
            static_cast<std::int64_t>(work.ids.size()) - std::count(work.ids.begin(), work.ids.end(), kSentenceEnd);
        impl.for_each_update(work, impl.random_for(epoch, block), [&](const Update& update) {
          mine.loss_sum += impl.apply(work, update, learning_rate);
          mine.examples += update.examples;
        });
      }
      work.embeddings.flush();
      work.output.flush();
    } catch (...) {
      next = last;
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    total.loss_sum += mine.loss_sum;
    total.examples += mine.examples;
    total.words += mine.words;
  });
  if (failure) std::rethrow_exception(failure);
  return total;
}

std::vector<Word2VecBatch> HogwildTrainer::examples(std::int64_t epoch, std::int64_t block, const ReadBlock& read_block,
                                                    std::int64_t batch_size) const {
  if (batch_size < 1) throw std::invalid_argument("batch_size must be 1 or more");
  // Examples as rows of unequal length, padded when a batch is full.
  std::vector<std::vector<std::int32_t>> inputs, targets;
  std::vector<std::vector<float>> labels;
  std::vector<Word2VecBatch> batches;
  const auto matrix = [](const auto& rows, auto dtype, double padding) {
    std::size_t width = 1;
    for (const auto& row : rows) width = std::max(width, row.size());
    auto out = torch::full({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)}, padding, dtype);
    using Value = typename std::decay_t<decltype(rows[0])>::value_type;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy(rows[i].begin(), rows[i].end(), out.template data_ptr<Value>() + i * width);
    }
    return out;
  };
  const auto flush = [&] {
    if (inputs.empty()) return;
    batches.push_back({matrix(inputs, torch::kInt32, -1).to(torch::kInt64),
                       matrix(targets, torch::kInt32, -1).to(torch::kInt64), matrix(labels, torch::kFloat32, 0)});
    inputs.clear(), targets.clear(), labels.clear();
  };
  const auto add = [&](std::span<const std::int32_t> rows, std::span<const std::int32_t> to, std::span<const float> y) {
    inputs.emplace_back(rows.begin(), rows.end());
    targets.emplace_back(to.begin(), to.end());
    labels.emplace_back(y.begin(), y.end());
    if (static_cast<std::int64_t>(inputs.size()) == batch_size) flush();
  };
  Impl::Workspace work(*impl_, {}, false);
  read_block(block, work.ids);
  impl_->for_each_update(work, impl_->random_for(epoch, block), [&](const Update& update) {
    const bool one_target = impl_->config.objective == "softmax";
    const auto with_rows = [&](std::span<const std::int32_t> rows) {
      if (!one_target) return add(rows, update.targets, update.labels);
      for (std::size_t j = 0; j < update.targets.size(); ++j) {
        add(rows, update.targets.subspan(j, 1), update.labels.subspan(j, 1));
      }
    };
    if (update.composed) return with_rows(update.rows);
    for (std::size_t i = 0; i < update.rows.size(); ++i) with_rows(update.rows.subspan(i, 1));
  });
  flush();
  return batches;
}

}  // namespace langzoo
