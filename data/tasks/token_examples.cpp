#include "data/tasks/token_examples.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "data/text/causal_lm.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// A list for each example, filled up to the longest. Shapes: -> (B,N); undefined where all are empty.
template <class T, class ListOf>
torch::Tensor padded_lists(const std::vector<std::int64_t>& chosen, const ListOf& list_of, T padding) {
  std::size_t width = 0;
  for (const auto example : chosen) width = std::max(width, list_of(example).size());
  if (width == 0) return {};
  const auto rows = static_cast<std::int64_t>(chosen.size());
  auto padded = torch::full({rows, static_cast<std::int64_t>(width)}, padding,
                            torch::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  auto* to = padded.template data_ptr<T>();
  for (const auto example : chosen) {
    const auto list = list_of(example);
    std::copy(list.begin(), list.end(), to);
    to += width;
  }
  return padded;
}

/// Shapes: -> (B,R,T,W), R rows of T tokens.
torch::Tensor padded_characters(const TokenExamples& examples, const std::vector<std::int64_t>& chosen,
                                std::int64_t tokens) {
  const auto rows = examples.rows();
  std::size_t width = 0;
  const auto for_each_token = [&](const auto& use) {
    for (std::size_t b = 0; b < chosen.size(); ++b) {
      for (std::int64_t row = 0; row < rows; ++row) {
        const auto size = std::ssize(examples.ids(chosen[b], row));
        for (std::int64_t t = 0; t < size; ++t) {
          use((static_cast<std::int64_t>(b) * rows + row) * tokens + t, examples.characters(chosen[b], row, t));
        }
      }
    }
  };
  for_each_token([&](std::int64_t /*token*/, auto list) { width = std::max(width, list.size()); });
  const auto W = static_cast<std::int64_t>(std::max<std::size_t>(width, 1));
  auto padded = torch::zeros({std::ssize(chosen), rows, tokens, W}, torch::kInt64);
  auto* const to = padded.data_ptr<std::int64_t>();
  for_each_token([&](std::int64_t token, auto list) { std::copy(list.begin(), list.end(), to + token * W); });
  return padded;
}

/// Shapes: -> (J,B,T,C); undefined where an example has none.
torch::Tensor padded_features(const TokenExamples& examples, const std::vector<std::int64_t>& chosen,
                              std::int64_t tokens) {
  torch::Tensor padded;
  for (std::size_t b = 0; b < chosen.size(); ++b) {
    const auto own = examples.features(chosen[b]);
    if (!own.defined()) return {};
    if (!padded.defined()) padded = own.new_zeros({own.size(0), std::ssize(chosen), tokens, own.size(2)});
    padded.select(1, static_cast<std::int64_t>(b)).narrow(1, 0, own.size(1)).copy_(own);
  }
  return padded;
}

}  // namespace

void TokenExamples::add(const TokenExample& example) {
  const auto rows = static_cast<std::int64_t>(example.rows.size());
  if (size() == 0) rows_ = rows;
  if (rows == 0 || rows != rows_)
    throw std::invalid_argument(fmt::format("an example of {} rows of tokens, others have {}", rows, rows_));
  for (const auto& row : example.rows) {
    if (!row.type_ids.empty() && row.type_ids.size() != row.ids.size()) {
      throw std::invalid_argument(fmt::format("{} tokens with {} type ids", row.ids.size(), row.type_ids.size()));
    }
    const bool of_all = row.characters.size() == row.ids.size() && characters_.ends.size() == ids_.items.size();
    if (!of_all && !(row.characters.empty() && !has_characters())) {
      throw std::invalid_argument(fmt::format("{} tokens with {} lists of characters{}", row.ids.size(),
                                              row.characters.size(), has_characters() ? "" : ", others have none"));
    }
  }
  for (const auto& row : example.rows) {
    ids_.add(row.ids);
    types_.add(row.type_ids);
    for (const auto& token : row.characters) characters_.add(token);
  }
  labels_.add(example.labels);
  values_.add(example.values);
  places_.add(example.places);
  knowledge_.add(example.knowledge);
}

std::int64_t TokenExamples::length(std::int64_t example) const {
  std::size_t longest = 0;
  for (std::int64_t row = 0; row < rows_; ++row) longest = std::max(longest, ids(example, row).size());
  return static_cast<std::int64_t>(longest);
}

void TokenExamples::set_features(std::int64_t example, torch::Tensor features) {
  const auto tokens = std::ssize(ids(example, 0));
  if (rows_ != 1 || features.dim() != 3 || features.size(1) != tokens)
    throw std::invalid_argument(fmt::format("features of another number of tokens than {}", tokens));
  features_.resize(static_cast<std::size_t>(size()));
  features_[static_cast<std::size_t>(example)] = features.contiguous();
}

torch::Tensor TokenExamples::features(std::int64_t example) const {
  return features_.empty() ? torch::Tensor() : features_.at(static_cast<std::size_t>(example));
}

std::span<const std::int32_t> TokenExamples::characters(std::int64_t example, std::int64_t row,
                                                        std::int64_t place) const {
  if (!has_characters()) return {};
  const auto list = example * rows_ + row;
  const auto before = list == 0 ? 0 : ids_.ends.at(static_cast<std::size_t>(list - 1));
  return characters_.of(static_cast<std::int64_t>(before) + place);
}

std::uint64_t TokenExamples::fingerprint() const {
  const auto bytes_of = [](const auto& items) {
    return std::string_view(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(items[0]));
  };
  Fingerprint print(1);
  const auto add = [&](const auto& lists) {
    print.add(bytes_of(lists.items));
    print.add(bytes_of(lists.ends));
  };
  add(ids_), add(types_), add(labels_), add(values_);
  if (has_characters()) add(characters_);
  for (const auto& features : features_) {
    if (features.defined())
      print.add(std::string_view(static_cast<const char*>(features.data_ptr()), features.nbytes()));
  }
  if (!knowledge_.items.empty()) add(knowledge_);
  return print.value();
}

TokenBatch token_batch(const TokenExamples& examples, std::vector<std::int64_t> chosen, TokenId pad) {
  const auto rows = examples.rows(), size = static_cast<std::int64_t>(chosen.size());
  std::int64_t width = 0;
  bool segments = false;
  for (const auto example : chosen) {
    if (example < 0 || example >= examples.size()) {
      throw std::out_of_range(fmt::format("example {} of {}", example, examples.size()));
    }
    width = std::max(width, examples.length(example));
    for (std::int64_t row = 0; row < rows; ++row) segments |= !examples.type_ids(example, row).empty();
  }
  TokenBatch batch;
  batch.ids = torch::full({size, rows, width}, pad, torch::kInt64);
  batch.mask = torch::zeros({size, rows, width}, torch::kBool);
  if (segments) batch.type_ids = torch::zeros({size, rows, width}, torch::kInt64);
  auto* ids = batch.ids.data_ptr<std::int64_t>();
  auto* types = segments ? batch.type_ids.data_ptr<std::int64_t>() : nullptr;
  auto* mask = batch.mask.data_ptr<bool>();
  for (const auto example : chosen) {
    for (std::int64_t row = 0; row < rows; ++row, ids += width, mask += width) {
      const auto row_ids = examples.ids(example, row);
      std::copy(row_ids.begin(), row_ids.end(), ids);
      std::fill_n(mask, row_ids.size(), true);
      if (types == nullptr) continue;
      const auto row_types = examples.type_ids(example, row);
      std::copy(row_types.begin(), row_types.end(), types);
      types += width;
    }
  }
  if (examples.has_characters()) batch.characters = padded_characters(examples, chosen, width);
  batch.features = padded_features(examples, chosen, width);
  if (rows == 1) {
    for (auto* tensor : {&batch.ids, &batch.mask, &batch.type_ids, &batch.characters}) {
      if (tensor->defined()) *tensor = tensor->squeeze(1);
    }
  }
  batch.labels = padded_lists<std::int64_t>(
      chosen, [&](std::int64_t i) { return examples.labels(i); }, kIgnoredTarget);
  batch.values = padded_lists<float>(
      chosen, [&](std::int64_t i) { return examples.values(i); }, 0);
  batch.knowledge = padded_lists<std::int64_t>(
      chosen, [&](std::int64_t i) { return examples.knowledge(i); }, kIgnoredTarget);
  batch.examples = std::move(chosen);
  return batch;
}

TokenBatch to_device(TokenBatch batch, torch::Device device) {
  for (auto* tensor :
       {&batch.ids, &batch.type_ids, &batch.mask, &batch.labels, &batch.values, &batch.characters, &batch.features}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
  return batch;
}

std::vector<PairLength> token_lengths(const TokenExamples& examples) {
  std::vector<PairLength> lengths;
  for (std::int64_t i = 0; i < examples.size(); ++i) lengths.push_back({examples.rows() * examples.length(i), 0});
  return lengths;
}

std::unique_ptr<BatchIterator<TokenBatch>> token_batches(const TokenExamples& examples, TokenId pad, BatchLimits limits,
                                                         std::uint64_t seed, std::size_t prepare_ahead, Rank rank) {
  check_rank(rank);
  LengthBatchSampler order(token_lengths(examples), limits, seed);
  const auto batches = order.batches_per_epoch();
  return std::make_unique<BatchIterator<TokenBatch>>(
      batches,
      [&examples, pad, order = std::move(order), rank](const DataPosition& at) {
        return token_batch(examples, share_of(order.examples(at), rank), pad);
      },
      prepare_ahead);
}

}  // namespace langzoo
