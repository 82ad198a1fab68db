#include "models/noisy_channel/noisy_channel_model.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kLargestVocabulary = 1 << 24, kLargestOrder = 16, kMostWords = 10'000;

// The names of the tensors.
constexpr const char* kRows = "channel.translation.rows";
constexpr const char* kEntryWords = "channel.translation.words";
constexpr const char* kEntryProbabilities = "channel.translation.probabilities";
constexpr const char* kLengths = "channel.alignment.lengths";
constexpr const char* kAlignmentProbabilities = "channel.alignment.probabilities";
constexpr const char* kLanguage = "language";

template <class T>
torch::Tensor tensor_of(const std::vector<T>& values) {
  return torch::tensor(at::ArrayRef<T>(values), torch::CppTypeToScalarType<T>::value);
}

/// The tensors of a file, by what they must be.
class Tables {
 public:
  explicit Tables(const fs::path& path) : path_(path), tensors_(load_safetensors(path)) {}

  template <class T>
  std::vector<T> vector(const std::string& name) const {
    const auto* found = tensors_.find(name);
    if (found == nullptr) throw FileError(path_, fmt::format("{} is missing", name));
    const auto type = torch::CppTypeToScalarType<T>::value;
    if (found->dim() != 1 || found->scalar_type() != type) {
      throw FileError(path_, fmt::format("{}: expected one dimension of {}", name, torch::toString(type)));
    }
    const auto values = found->contiguous();
    return {values.template data_ptr<T>(), values.template data_ptr<T>() + values.numel()};
  }

  FileError error(const std::string& what) const { return {path_, what}; }

 private:
  fs::path path_;
  StateDict tensors_;
};

void add_channel(const IbmModel& channel, StateDict& tensors) {
  std::vector<std::int32_t> words, lengths;
  std::vector<float> probabilities, alignments;
  for (const auto& entry : channel.t.entries()) {
    words.push_back(entry.f);
    probabilities.push_back(entry.probability);
  }
  for (const auto& [l_and_m, table] : channel.a.tables()) {
    lengths.insert(lengths.end(), {l_and_m.first, l_and_m.second});
    alignments.insert(alignments.end(), table.begin(), table.end());
  }
  const auto& begins = channel.t.begins();
  tensors.insert(kRows, tensor_of(std::vector<std::int64_t>(begins.begin(), begins.end())));
  tensors.insert(kEntryWords, tensor_of(words));
  tensors.insert(kEntryProbabilities, tensor_of(probabilities));
  tensors.insert(kLengths, tensor_of(lengths));
  tensors.insert(kAlignmentProbabilities, tensor_of(alignments));
}

TranslationTable read_translation_table(const Tables& tables, std::int64_t source_vocab_size,
                                        std::int64_t target_vocab_size) {
  const auto words = tables.vector<std::int32_t>(kEntryWords);
  const auto probabilities = tables.vector<float>(kEntryProbabilities);
  const auto rows = tables.vector<std::int64_t>(kRows);
  if (words.size() != probabilities.size()) {
    throw tables.error(fmt::format("{} words have {} probabilities", words.size(), probabilities.size()));
  }
  if (static_cast<std::int64_t>(rows.size()) > target_vocab_size + 2) {
    throw tables.error(fmt::format("{}: more rows than target words", kRows));
  }
  std::vector<TranslationTable::Entry> entries;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] >= source_vocab_size) {
      throw tables.error(fmt::format("{}: {} is not in the source's vocabulary", kEntryWords, words[i]));
    }
    entries.push_back({words[i], probabilities[i]});
  }
  return {std::vector<std::size_t>(rows.begin(), rows.end()), std::move(entries)};
}

AlignmentTable read_alignment_table(const Tables& tables) {
  const auto lengths = tables.vector<std::int32_t>(kLengths);
  const auto probabilities = tables.vector<float>(kAlignmentProbabilities);
  AlignmentTable alignments;
  std::size_t used = 0;
  for (std::size_t i = 0; i + 1 < lengths.size(); i += 2) {
    const int l = lengths[i], m = lengths[i + 1];
    const bool possible = l >= 0 && l <= kMostWords && m >= 0 && m <= kMostWords;
    const auto size = possible ? static_cast<std::size_t>(l + 1) * static_cast<std::size_t>(m) : 0;
    if (!possible || size > probabilities.size() - used) {
      throw tables.error(fmt::format("{}: sentences of {} and {} words", kLengths, l, m));
    }
    for (float& probability : alignments.of_lengths(l, m)) {
      probability = probabilities[used++];
      if (probability >= 0 && probability <= 1) continue;
      throw tables.error(fmt::format("{}: {} is no probability", kAlignmentProbabilities, probability));
    }
  }
  if (lengths.size() % 2 != 0 || used != probabilities.size()) {
    throw tables.error(fmt::format("{}: not as many as {} says", kAlignmentProbabilities, kLengths));
  }
  return alignments;
}

}  // namespace

void NoisyChannelConfig::for_each_field(FieldVisitor& visit) {
  visit("model_type", model_type, {.choices = {"noisy-channel"}});
  visit("source_vocab_size", source_vocab_size, {.least = 0, .most = kLargestVocabulary, .from_tokenizer = true});
  visit("target_vocab_size", target_vocab_size, {.least = 0, .most = kLargestVocabulary, .from_tokenizer = true});
  visit("order", order, {.least = 1, .most = kLargestOrder, .help = "the words of an n-gram"});
  visit("modified", modified, {.help = "modified Kneser-Ney smoothing; false: with one discount"});
  options.for_each_field(visit);
}

const PretrainedTraits& NoisyChannelModuleImpl::pretrained_traits() {
  static const PretrainedTraits traits = {.model_type = "noisy-channel", .architecture = "NoisyChannel"};
  return traits;
}

NGramModel NoisyChannelConfig::language_of(std::span<const std::span<const std::int32_t>> targets) const {
  const NGramOptions options{.order = static_cast<int>(order),
                             .smoothing = modified ? NGramSmoothing::kModifiedKneserNey : NGramSmoothing::kKneserNey,
                             .discount_fallback = true};
  const auto words = static_cast<std::int32_t>(std::max<std::int64_t>(target_vocab_size, 0));
  return estimate_ngrams(targets, words + 1, words, options);
}

NoisyChannelModel NoisyChannelModel::untrained(const NoisyChannelConfig& config) {
  config.validate();
  const std::span<const std::int32_t> nothing;
  return {config.source_vocab_size, {}, config.language_of(std::span(&nothing, 1)), config.options, config.modified};
}

void NoisyChannelModel::save(const fs::path& dir) const {
  fs::create_directories(dir);
  StateDict tensors;
  add_channel(channel, tensors);
  const auto n_grams = language.bytes();
  tensors.insert(kLanguage, torch::from_blob(const_cast<std::byte*>(n_grams.data()),
                                             {static_cast<std::int64_t>(n_grams.size())}, torch::kUInt8));
  save_safetensors(dir / "model.safetensors", tensors);

  const NoisyChannelConfig config{.source_vocab_size = source_vocab_size,
                                  .target_vocab_size = target_vocab_size(),
                                  .order = language.order(),
                                  .modified = modified,
                                  .options = options};
  write_file_atomically(dir / "config.json", write_fields(config));
}

NoisyChannelModel NoisyChannelModel::load(const fs::path& dir) {
  const auto config =
      config_from_json<NoisyChannelConfig>(read_config(dir, "noisy-channel"), (dir / "config.json").string());
  const Tables tables(dir / "model.safetensors");
  const auto n_grams = tables.vector<std::uint8_t>(kLanguage);
  try {
    NGramModel language(std::string(n_grams.begin(), n_grams.end()));
    if (language.order() != config.order || language.sentence_end() != config.target_vocab_size ||
        language.vocabulary() != config.target_vocab_size + 1) {
      throw tables.error(
          fmt::format("{}: {}-grams of {} words, where config.json has order {} and target_vocab_size {}", kLanguage,
                      language.order(), language.sentence_end(), config.order, config.target_vocab_size));
    }
    return {config.source_vocab_size,
            {read_translation_table(tables, config.source_vocab_size, config.target_vocab_size),
             read_alignment_table(tables)},
            std::move(language),
            config.options,
            config.modified};
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& error) {
    throw tables.error(error.what());
  }
}

}  // namespace langzoo
