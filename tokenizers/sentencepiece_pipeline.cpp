#include "tokenizers/sentencepiece_pipeline.h"

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/files/files.h"
#include "tokenizers/decoders/metaspace_decoder.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/normalizers/precompiled_normalizer.h"
#include "tokenizers/normalizers/replace_normalizer.h"
#include "tokenizers/normalizers/simple_normalizers.h"
#include "tokenizers/normalizers/unicode_normalizer.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/sequence_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"
#include "tokenizers/sentencepiece_model.h"

namespace langzoo {

namespace {

using Kind = SentencePieceModel::Kind;

/// What both have in common: the pieces, then `extra` special tokens.
PipelineParts parts_of(const SentencePieceModel& model, TokenId unk_id, const std::vector<std::string>& extra) {
  PipelineParts parts;
  UnigramOptions options;
  for (const auto& piece : model.pieces) {
    const auto id = static_cast<TokenId>(options.pieces.size());
    if (piece.kind == Kind::Control || piece.kind == Kind::UserDefined || id == unk_id) {
      parts.added_tokens.push_back({.content = piece.text, .id = id, .special = piece.kind != Kind::UserDefined});
    }
    options.pieces.emplace_back(piece.text, piece.score);
  }
  for (const std::string& token : extra) {
    parts.added_tokens.push_back({.content = token, .id = static_cast<TokenId>(options.pieces.size())});
    options.pieces.emplace_back(token, 0.0);
  }
  options.unk_id = unk_id;
  parts.model = std::make_shared<Unigram>(std::move(options));
  parts.pre_tokenizer = std::make_shared<SequencePreTokenizer>(std::vector<std::shared_ptr<const PreTokenizer>>{
      std::make_shared<WhitespaceSplitPreTokenizer>(), std::make_shared<MetaspacePreTokenizer>()});
  parts.decoder = std::make_shared<MetaspaceDecoder>();
  parts.special_tokens.unk = unk_id;
  parts.special_tokens.pad = parts.model->token_to_id("<pad>");
  return parts;
}

std::shared_ptr<const PostProcessor> template_of(const PipelineParts& parts, std::string_view single,
                                                 std::string_view pair, std::initializer_list<const char*> tokens) {
  TemplateProcessing::Options options{parse_template(single), parse_template(pair), {}};
  for (const char* token : tokens) {
    const auto id = parts.model->token_to_id(token);
    if (!id) throw std::invalid_argument(fmt::format("pieces: there is no '{}'", token));
    options.special_tokens[token] = {{*id}, {token}};
  }
  return std::make_shared<TemplateProcessing>(std::move(options));
}

template <class Make>
SentencePiecePipeline naming(const std::filesystem::path& path, Make&& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  }
}

}  // namespace

SentencePiecePipeline t5_pipeline(std::string_view bytes, const std::filesystem::path& path, std::size_t extra_ids) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    if (extra_ids > kMaxVocabularySize) throw std::invalid_argument(fmt::format("extra_ids: {}", extra_ids));
    std::vector<std::string> extra;
    for (std::size_t i = extra_ids; i-- > 0;) extra.push_back(fmt::format("<extra_id_{}>", i));
    SentencePiecePipeline result{parts_of(model, 2, extra), {}};
    if (!model.charsmap_bytes.empty()) {
      result.parts.normalizer = std::make_shared<PrecompiledNormalizer>(model.charsmap_bytes);
    }
    result.rules.post_processor = template_of(result.parts, "$A </s>", "$A </s> $B </s>", {"</s>"});
    result.parts.special_tokens.eos = result.parts.model->token_to_id("</s>");
    return result;
  });
}

SentencePiecePipeline albert_pipeline(std::string_view bytes, const std::filesystem::path& path,
                                      AlbertNormalization normalization) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    SentencePiecePipeline result{parts_of(model, 1, {}), {}};
    std::vector<std::shared_ptr<const Normalizer>> steps = {std::make_shared<ReplaceNormalizer>("``", "\""),
                                                            std::make_shared<ReplaceNormalizer>("''", "\"")};
    if (!normalization.keep_accents) {
      steps.push_back(std::make_shared<UnicodeNormalizer>(UnicodeForm::Nfkd));
      steps.push_back(std::make_shared<StripAccentsNormalizer>());
    }
    if (normalization.do_lower_case) steps.push_back(std::make_shared<LowercaseNormalizer>());
    if (!model.charsmap_bytes.empty()) {
      steps.push_back(std::make_shared<PrecompiledNormalizer>(model.charsmap_bytes));
    }
    result.parts.normalizer = std::make_shared<SequenceNormalizer>(std::move(steps));
    result.rules.post_processor =
        template_of(result.parts, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", {"[CLS]", "[SEP]"});
    SpecialTokens& special = result.parts.special_tokens;
    special.cls = special.bos = result.parts.model->token_to_id("[CLS]");
    special.sep = special.eos = result.parts.model->token_to_id("[SEP]");
    special.mask = result.parts.model->token_to_id("[MASK]");
    return result;
  });
}

}  // namespace langzoo
