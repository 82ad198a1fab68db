#include "tokenizers/trainers/pipeline_trainer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/decoders/bpe_decoder.h"
#include "tokenizers/decoders/byte_fallback_decoder.h"
#include "tokenizers/decoders/byte_level_decoder.h"
#include "tokenizers/decoders/fuse_decoder.h"
#include "tokenizers/decoders/metaspace_decoder.h"
#include "tokenizers/decoders/replace_decoder.h"
#include "tokenizers/decoders/sequence_decoder.h"
#include "tokenizers/decoders/strip_decoder.h"
#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/models/word_level.h"
#include "tokenizers/models/wordpiece.h"
#include "tokenizers/normalizers/bert_normalizer.h"
#include "tokenizers/normalizers/replace_normalizer.h"
#include "tokenizers/normalizers/simple_normalizers.h"
#include "tokenizers/normalizers/unicode_normalizer.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/pre_tokenizers/bert_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/byte_level_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"
#include "tokenizers/trainers/bpe_trainer.h"
#include "tokenizers/trainers/special_token_roles.h"
#include "tokenizers/trainers/unigram_trainer.h"
#include "tokenizers/trainers/word_level_trainer.h"
#include "tokenizers/trainers/wordpiece_trainer.h"

namespace langzoo {

namespace {

using Strings = std::vector<std::string>;

/// The model's own special tokens, then those of the options, each once: their ids are 0, 1, ...
Strings special_tokens(Strings own, const PipelineTrainerOptions& options) {
  for (const std::string& token : options.special_tokens) {
    if (std::find(own.begin(), own.end(), token) == own.end()) own.push_back(token);
  }
  return own;
}

/// With byte_fallback, what a trainer gets as special tokens: the 256 tokens of bytes as well.
Strings with_bytes(Strings special, const PipelineTrainerOptions& options) {
  for (int byte = 0; options.byte_fallback && byte < 256; ++byte) special.push_back(fmt::format("<0x{:02X}>", byte));
  return special;
}

std::vector<WordCount> count(const TextSource& next, const PipelineParts& parts,
                             const PipelineTrainerOptions& options) {
  return count_words(next, parts.normalizer.get(), parts.pre_tokenizer.get(), {options.threads, options.progress});
}

std::unique_ptr<Pipeline> assemble(PipelineParts parts, const Strings& special, EncodingRules rules = {}) {
  for (const std::string& token : special) {
    parts.added_tokens.push_back({token, static_cast<TokenId>(parts.added_tokens.size())});
  }
  parts.special_tokens = special_token_roles(parts.added_tokens);
  return std::make_unique<Pipeline>(std::move(parts), std::move(rules));
}

/// The pieces of the pre-tokenizer, whole.
std::unique_ptr<Pipeline> assemble_words(const TextSource& next, PipelineParts parts,
                                         const PipelineTrainerOptions& options) {
  const Strings special = special_tokens({"<unk>"}, options);
  if (options.lowercase) parts.normalizer = std::make_shared<LowercaseNormalizer>();
  WordLevelTrainerOptions trainer;
  trainer.vocab_size = options.vocab_size;
  trainer.min_frequency = options.min_frequency;
  trainer.special_tokens = special;
  parts.model = std::make_shared<WordLevel>(learn_word_level(count(next, parts, options), trainer));
  return assemble(std::move(parts), special);
}

}  // namespace

std::unique_ptr<Pipeline> train_wordpiece(const TextSource& next, const PipelineTrainerOptions& options) {
  const Strings special = special_tokens({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, options);
  PipelineParts parts;
  parts.normalizer = std::make_shared<BertNormalizer>(BertNormalizerOptions{.lowercase = options.lowercase});
  parts.pre_tokenizer = std::make_shared<BertPreTokenizer>();
  parts.decoder = std::make_shared<WordPieceDecoder>();
  WordPieceTrainerOptions trainer;
  trainer.vocab_size = options.vocab_size;
  trainer.min_frequency = options.min_frequency;
  trainer.special_tokens = special;
  trainer.initial_alphabet = options.initial_alphabet;
  trainer.limit_alphabet = options.limit_alphabet;
  trainer.progress = options.progress;
  parts.model = std::make_shared<WordPiece>(learn_wordpiece(count(next, parts, options), trainer));

  TemplateProcessing::Options frame;
  frame.single = parse_template("[CLS] $A [SEP]");
  frame.pair = parse_template("[CLS] $A [SEP] $B:1 [SEP]:1");
  frame.special_tokens = {{"[CLS]", {{2}, {"[CLS]"}}}, {"[SEP]", {{3}, {"[SEP]"}}}};
  return assemble(std::move(parts), special,
                  {.post_processor = std::make_shared<TemplateProcessing>(std::move(frame))});
}

std::unique_ptr<Pipeline> train_bpe(const TextSource& next, const PipelineTrainerOptions& options) {
  const Strings special = special_tokens({"<unk>"}, options);
  PipelineParts parts;
  if (options.lowercase) parts.normalizer = std::make_shared<LowercaseNormalizer>();
  parts.pre_tokenizer = std::make_shared<WhitespaceSplitPreTokenizer>();
  parts.decoder = std::make_shared<BpeDecoder>("</w>");
  if (options.byte_fallback) {
    // The bytes of a character that ends a word have "</w>" behind them, in bytes too.
    parts.decoder = std::make_shared<SequenceDecoder>(std::vector<std::shared_ptr<const Decoder>>{
        std::make_shared<ByteFallbackDecoder>(), std::make_shared<FuseDecoder>(),
        std::make_shared<ReplaceDecoder>(TextPattern::literal("</w>"), " "),
        std::make_shared<StripDecoder>(StripDecoderOptions{.content = U' ', .stop = 1})});
  }
  BpeTrainerOptions trainer;
  trainer.vocab_size = options.vocab_size;
  trainer.min_frequency = options.min_frequency;
  trainer.special_tokens = with_bytes(special, options);
  trainer.initial_alphabet = options.initial_alphabet;
  trainer.limit_alphabet = options.limit_alphabet;
  trainer.max_token_length = options.max_token_length;
  trainer.end_of_word_suffix = "</w>";
  trainer.progress = options.progress;
  BpeOptions learned = learn_bpe(count(next, parts, options), trainer);
  learned.unk_token = "<unk>";
  learned.byte_fallback = options.byte_fallback;
  parts.model = std::make_shared<Bpe>(std::move(learned));
  return assemble(std::move(parts), special);
}

std::unique_ptr<Pipeline> train_unigram(const TextSource& next, const PipelineTrainerOptions& options) {
  const Strings special = special_tokens({"<unk>", "<s>", "</s>", "<pad>"}, options);
  PipelineParts parts;
  std::vector<std::shared_ptr<const Normalizer>> steps = {
      std::make_shared<NmtNormalizer>(), std::make_shared<UnicodeNormalizer>(UnicodeForm::Nfkc),
      std::make_shared<ReplaceNormalizer>(Regex(" {2,}"), " "),
      std::make_shared<StripNormalizer>(/*left=*/false, /*right=*/true)};
  if (options.lowercase) steps.push_back(std::make_shared<LowercaseNormalizer>());
  parts.normalizer = std::make_shared<SequenceNormalizer>(std::move(steps));
  parts.pre_tokenizer = std::make_shared<MetaspacePreTokenizer>();
  parts.decoder = std::make_shared<MetaspaceDecoder>();
  if (options.byte_fallback) {
    parts.decoder = std::make_shared<SequenceDecoder>(std::vector<std::shared_ptr<const Decoder>>{
        std::make_shared<ByteFallbackDecoder>(), std::make_shared<MetaspaceDecoder>()});
  }
  UnigramTrainerOptions trainer;
  trainer.vocab_size = options.vocab_size;
  trainer.special_tokens = with_bytes(special, options);
  trainer.initial_alphabet = options.initial_alphabet;
  trainer.character_coverage = options.character_coverage;
  trainer.max_piece_length = options.max_token_length.value_or(trainer.max_piece_length);
  trainer.threads = options.threads;
  trainer.progress = options.progress;
  UnigramOptions learned = learn_unigram(count(next, parts, options), trainer);
  learned.byte_fallback = options.byte_fallback;
  parts.model = std::make_shared<Unigram>(std::move(learned));
  return assemble(std::move(parts), special);
}

std::unique_ptr<Pipeline> train_word_level(const TextSource& next, const PipelineTrainerOptions& options) {
  PipelineParts parts;
  parts.pre_tokenizer = std::make_shared<WhitespacePreTokenizer>();
  return assemble_words(next, std::move(parts), options);
}

std::unique_ptr<Pipeline> train_byte_level_words(const TextSource& next, const PipelineTrainerOptions& options) {
  PipelineParts parts;
  parts.pre_tokenizer = std::make_shared<ByteLevelPreTokenizer>();
  const StripDecoderOptions prefix_space{.content = U' ', .start = 1};
  parts.decoder = std::make_shared<SequenceDecoder>(std::vector<std::shared_ptr<const Decoder>>{
      std::make_shared<ByteLevelDecoder>(), std::make_shared<StripDecoder>(prefix_space)});
  return assemble_words(next, std::move(parts), options);
}

}  // namespace langzoo
