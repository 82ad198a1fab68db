#include "tokenizers/decoders/decoder.h"

#include "tokenizers/decoders/bpe_decoder.h"
#include "tokenizers/decoders/byte_fallback_decoder.h"
#include "tokenizers/decoders/byte_level_decoder.h"
#include "tokenizers/decoders/ctc_decoder.h"
#include "tokenizers/decoders/fuse_decoder.h"
#include "tokenizers/decoders/metaspace_decoder.h"
#include "tokenizers/decoders/replace_decoder.h"
#include "tokenizers/decoders/sequence_decoder.h"
#include "tokenizers/decoders/strip_decoder.h"
#include "tokenizers/decoders/wordpiece_decoder.h"
#include "tokenizers/json_field.h"

namespace langzoo {

namespace {

std::shared_ptr<const Decoder> read_sequence(const JsonField& field) {
  field.only({"type", "decoders"});
  const JsonField list = field.at("decoders");
  std::vector<std::shared_ptr<const Decoder>> decoders;
  for (const auto& value : list.array()) {
    const JsonField item = list.item(value, decoders.size());
    item.object();
    decoders.push_back(read_decoder(item));
  }
  return std::make_shared<SequenceDecoder>(std::move(decoders));
}

}  // namespace

std::shared_ptr<const Decoder> read_decoder(const JsonField& field) {
  if (field.is_null()) return nullptr;
  const std::string type = field.type();
  if (type == "Sequence") return read_sequence(field);
  if (type == "Metaspace") return std::make_shared<MetaspaceDecoder>(read_metaspace_options(field));
  if (type == "WordPiece") {
    field.only({"type", "prefix", "cleanup"});
    return std::make_shared<WordPieceDecoder>(
        WordPieceDecoderOptions{field.at("prefix").string(), field.at("cleanup").boolean()});
  }
  if (type == "ByteLevel") {
    // The fields are the pre-tokenizer's; none of them matters here.
    field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return std::make_shared<ByteLevelDecoder>();
  }
  if (type == "BPEDecoder") {
    field.only({"type", "suffix"});
    return std::make_shared<BpeDecoder>(field.at("suffix").string());
  }
  if (type == "Replace") {
    field.only({"type", "pattern", "content"});
    return std::make_shared<ReplaceDecoder>(read_text_pattern(field.at("pattern")), field.at("content").string());
  }
  if (type == "Strip") {
    field.only({"type", "content", "start", "stop"});
    return std::make_shared<StripDecoder>(StripDecoderOptions{field.at("content").character(),
                                                              field.at("start").integer(0, UINT32_MAX),
                                                              field.at("stop").integer(0, UINT32_MAX)});
  }
  if (type == "CTC") {
    field.only({"type", "pad_token", "word_delimiter_token", "cleanup"});
    return std::make_shared<CtcDecoder>(CtcDecoderOptions{
        field.at("pad_token").string(), field.at("word_delimiter_token").string(), field.at("cleanup").boolean()});
  }
  if (type == "Fuse" || type == "ByteFallback") {
    field.only({"type"});
    if (type == "Fuse") return std::make_shared<FuseDecoder>();
    return std::make_shared<ByteFallbackDecoder>();
  }
  field.at("type").fail("the decoder '" + type + "' is not supported");
}

}  // namespace langzoo
