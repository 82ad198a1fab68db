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
  }
  for (const auto& row : example.rows) {
    ids_.add(row.ids);
    types_.add(row.type_ids);
  }
  labels_.add(example.labels);
  values_.add(example.values);
  places_.add(example.places);
}

std::int64_t TokenExamples::length(std::int64_t example) const {
  std::size_t longest = 0;
  for (std::int64_t row = 0; row < rows_; ++row) longest = std::max(longest, ids(example, row).size());
  return static_cast<std::int64_t>(longest);
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
  if (rows == 1) {
    for (auto* tensor : {&batch.ids, &batch.mask, &batch.type_ids}) {
      if (tensor->defined()) *tensor = tensor->squeeze(1);
    }
  }
  batch.labels = padded_lists<std::int64_t>(
      chosen, [&](std::int64_t i) { return examples.labels(i); }, kIgnoredTarget);
  batch.values = padded_lists<float>(
      chosen, [&](std::int64_t i) { return examples.values(i); }, 0);
  batch.examples = std::move(chosen);
  return batch;
}

TokenBatch to_device(TokenBatch batch, torch::Device device) {
  for (auto* tensor : {&batch.ids, &batch.type_ids, &batch.mask, &batch.labels, &batch.values}) {
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
  LengthBatchSampler order(token_lengths(examples), limits, seed);
  const auto batches = order.batches_per_epoch();
  return std::make_unique<BatchIterator<TokenBatch>>(
      batches,
      [&examples, pad, order = std::move(order)](const DataPosition& at) {
        return token_batch(examples, order.examples(at), pad);
      },
      prepare_ahead, rank);
}

}  // namespace langzoo
