#include "tokenizers/sentencepiece_pipeline.h"

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "data/files/file_error.h"
#include "tokenizers/decoders/byte_fallback_decoder.h"
#include "tokenizers/decoders/fuse_decoder.h"
#include "tokenizers/decoders/metaspace_decoder.h"
#include "tokenizers/decoders/replace_decoder.h"
#include "tokenizers/decoders/sequence_decoder.h"
#include "tokenizers/decoders/strip_decoder.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/models/vocabulary.h"
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
using Pieces = std::vector<SentencePieceModel::Piece>;

/// The pieces that are found in a text before any model sees it.
std::vector<AddedToken> added_tokens(const Pieces& pieces, TokenId unk_id) {
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (pieces[i].kind == Kind::Control || pieces[i].kind == Kind::UserDefined || id == unk_id) {
      added.push_back({.content = pieces[i].text, .id = id, .special = pieces[i].kind != Kind::UserDefined});
    }
  }
  return added;
}

/// What the Unigram pipelines have in common: the pieces, then `extra` special tokens.
PipelineParts parts_of(const Pieces& pieces, TokenId unk_id, const std::vector<std::string>& extra,
                       MetaspaceOptions metaspace = {}) {
  PipelineParts parts;
  parts.added_tokens = added_tokens(pieces, unk_id);
  UnigramOptions options;
  for (const auto& piece : pieces) options.pieces.emplace_back(piece.text, piece.score);
  for (const std::string& token : extra) {
    parts.added_tokens.push_back({.content = token, .id = static_cast<TokenId>(options.pieces.size())});
    options.pieces.emplace_back(token, 0.0);
  }
  options.unk_id = unk_id;
  parts.model = std::make_shared<Unigram>(std::move(options));
  parts.pre_tokenizer = std::make_shared<SequencePreTokenizer>(std::vector<std::shared_ptr<const PreTokenizer>>{
      std::make_shared<WhitespaceSplitPreTokenizer>(), std::make_shared<MetaspacePreTokenizer>(metaspace)});
  parts.decoder = std::make_shared<MetaspaceDecoder>(metaspace);
  parts.special_tokens.unk = unk_id;
  parts.special_tokens.pad = parts.model->token_to_id("<pad>");
  return parts;
}

std::shared_ptr<const PostProcessor> template_of(const PipelineParts& parts, std::string_view single,
                                                 std::string_view pair, std::initializer_list<std::string> tokens) {
  TemplateProcessing::Options options{parse_template(single), parse_template(pair), {}};
  for (const std::string& token : tokens) {
    const auto id = parts.model->token_to_id(token);
    if (!id) throw std::invalid_argument(fmt::format("pieces: there is no '{}'", escaped(token)));
    options.special_tokens[token] = {{*id}, {token}};
  }
  return std::make_shared<TemplateProcessing>(std::move(options));
}

std::shared_ptr<const Normalizer> charsmap_of(const SentencePieceModel& model) {
  if (model.charsmap_bytes.empty()) return nullptr;
  return std::make_shared<PrecompiledNormalizer>(model.charsmap_bytes);
}

/// The pieces as BPE. A .model has no merges: `transformers` takes every way to cut a piece into two others, in the
/// order of the pieces, the shorter left part first.
BpeOptions bpe_of(const Pieces& pieces) {
  BpeOptions options;
  for (const auto& piece : pieces) options.tokens.push_back(piece.text);
  const IdsByToken ids = index_tokens(options.tokens);
  std::vector<bool> is_size;  // of some piece, so that few parts have to be looked up
  for (const std::string& token : options.tokens) {
    if (is_size.size() <= token.size()) is_size.resize(token.size() + 1);
    is_size[token.size()] = true;
  }
  for (std::size_t i = 0; i < options.tokens.size(); ++i) {
    const std::string_view token = options.tokens[i];
    for (std::size_t at = 1; at < token.size(); ++at) {
      if (!is_size[at] || !is_size[token.size() - at]) continue;
      const auto left = find_id(ids, token.substr(0, at)), right = find_id(ids, token.substr(at));
      if (left && right) options.merges.push_back({*left, *right, static_cast<TokenId>(i)});
    }
  }
  options.fuse_unk = true;
  return options;
}

/// "▁" and byte tokens made text again, the first of `strip` spaces taken off.
std::shared_ptr<const Decoder> text_decoder(bool bytes, std::size_t strip) {
  std::vector<std::shared_ptr<const Decoder>> steps = {
      std::make_shared<ReplaceDecoder>(TextPattern::literal(std::string(kSpaceSymbol)), " ")};
  if (bytes) {
    steps.push_back(std::make_shared<ByteFallbackDecoder>());
    steps.push_back(std::make_shared<FuseDecoder>());
  }
  if (strip > 0) steps.push_back(std::make_shared<StripDecoder>(StripDecoderOptions{.content = U' ', .start = strip}));
  return std::make_shared<SequenceDecoder>(std::move(steps));
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
    SentencePiecePipeline result{parts_of(model.pieces, 2, extra), {}};
    result.parts.normalizer = charsmap_of(model);
    result.rules.post_processor = template_of(result.parts, "$A </s>", "$A </s> $B </s>", {"</s>"});
    result.parts.special_tokens.eos = result.parts.model->token_to_id("</s>");
    return result;
  });
}

SentencePiecePipeline albert_pipeline(std::string_view bytes, const std::filesystem::path& path,
                                      AlbertNormalization normalization) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    SentencePiecePipeline result{parts_of(model.pieces, 1, {}), {}};
    std::vector<std::shared_ptr<const Normalizer>> steps = {std::make_shared<ReplaceNormalizer>("``", "\""),
                                                            std::make_shared<ReplaceNormalizer>("''", "\"")};
    if (!normalization.keep_accents) {
      steps.push_back(std::make_shared<UnicodeNormalizer>(UnicodeForm::Nfkd));
      steps.push_back(std::make_shared<StripAccentsNormalizer>());
    }
    if (normalization.do_lower_case) steps.push_back(std::make_shared<LowercaseNormalizer>());
    if (auto charsmap = charsmap_of(model)) steps.push_back(std::move(charsmap));
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

SentencePiecePipeline xlm_roberta_pipeline(std::string_view bytes, const std::filesystem::path& path,
                                           const XlmRobertaTokens& tokens, bool add_prefix_space) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    constexpr std::size_t kReplaced = 3;
    if (model.pieces.size() < kReplaced) throw std::invalid_argument("pieces: there are fewer than 3");
    Pieces pieces;
    for (const std::string& token : {tokens.bos, tokens.pad, tokens.eos, tokens.unk}) {
      pieces.push_back({token, 0, Kind::Normal});
    }
    pieces.insert(pieces.end(), model.pieces.begin() + kReplaced, model.pieces.end());
    pieces.push_back({tokens.mask, 0, Kind::Normal});
    const PrependScheme scheme = add_prefix_space ? PrependScheme::Always : PrependScheme::Never;
    constexpr TokenId kUnk = 3;
    SentencePiecePipeline result{parts_of(pieces, kUnk, {}, {.prepend_scheme = scheme}), {}};
    std::erase_if(result.parts.added_tokens, [](const AddedToken& token) { return token.id == kUnk; });
    result.parts.normalizer = charsmap_of(model);
    result.rules.post_processor =
        template_of(result.parts, fmt::format("{} $A {}", tokens.bos, tokens.eos),
                    fmt::format("{0} $A {1} {1} $B {1}", tokens.bos, tokens.eos), {tokens.bos, tokens.eos});
    return result;
  });
}

SentencePiecePipeline llama_pipeline(std::string_view bytes, const std::filesystem::path& path, PrependScheme scheme) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    SentencePiecePipeline result;
    BpeOptions options = bpe_of(model.pieces);
    options.byte_fallback = true;
    result.parts.added_tokens = added_tokens(model.pieces, -1);
    result.parts.model = std::make_shared<Bpe>(std::move(options));
    result.parts.pre_tokenizer =
        std::make_shared<MetaspacePreTokenizer>(MetaspaceOptions{.prepend_scheme = scheme, .split = false});
    result.parts.decoder = text_decoder(true, scheme == PrependScheme::Never ? 0 : 1);
    return result;
  });
}

SentencePiecePipeline plain_pipeline(std::string_view bytes, const std::filesystem::path& path) {
  const SentencePieceModel model = parse_sentencepiece_model(bytes, path);
  return naming(path, [&] {
    SentencePiecePipeline result;
    result.parts.added_tokens = added_tokens(model.pieces, model.unk_id);
    if (model.algorithm == SentencePieceModel::Algorithm::Unigram) {
      UnigramOptions options{.pieces = {}, .unk_id = model.unk_id, .byte_fallback = model.byte_fallback};
      for (const auto& piece : model.pieces) options.pieces.emplace_back(piece.text, piece.score);
      result.parts.model = std::make_shared<Unigram>(std::move(options));
    } else {
      BpeOptions options = bpe_of(model.pieces);
      options.byte_fallback = model.byte_fallback;
      options.unk_token = model.pieces.at(static_cast<std::size_t>(model.unk_id)).text;
      result.parts.model = std::make_shared<Bpe>(std::move(options));
    }
    std::vector<std::shared_ptr<const Normalizer>> steps;
    if (auto charsmap = charsmap_of(model)) steps.push_back(std::move(charsmap));
    steps.push_back(std::make_shared<ReplaceNormalizer>(" ", std::string(kSpaceSymbol)));
    result.parts.normalizer = std::make_shared<SequenceNormalizer>(std::move(steps));
    result.parts.decoder = text_decoder(model.byte_fallback, 0);
    return result;
  });
}

}  // namespace langzoo
