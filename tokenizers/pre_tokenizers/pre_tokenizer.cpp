#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

#include <cstdint>

#include "tokenizers/json_field.h"
#include "tokenizers/pre_tokenizers/bert_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/byte_level_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/char_delimiter_split_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/digits_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/fixed_length_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/punctuation_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/sequence_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/split_pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/whitespace_pre_tokenizer.h"

namespace langzoo {

namespace {

std::shared_ptr<const PreTokenizer> read_sequence(const JsonField& field) {
  field.only({"type", "pretokenizers"});
  const JsonField list = field.at("pretokenizers");
  std::vector<std::shared_ptr<const PreTokenizer>> pre_tokenizers;
  for (const auto& value : list.array()) {
    const JsonField item = list.item(value, pre_tokenizers.size());
    item.object();
    pre_tokenizers.push_back(read_pre_tokenizer(item));
  }
  return std::make_shared<SequencePreTokenizer>(std::move(pre_tokenizers));
}

template <class T>
std::shared_ptr<const PreTokenizer> without_options(const JsonField& field) {
  field.only({"type"});
  return std::make_shared<T>();
}

}  // namespace

std::shared_ptr<const PreTokenizer> read_pre_tokenizer(const JsonField& field) {
  if (field.is_null()) return nullptr;
  const std::string type = field.type();
  if (type == "Sequence") return read_sequence(field);
  if (type == "Whitespace") return without_options<WhitespacePreTokenizer>(field);
  if (type == "WhitespaceSplit") return without_options<WhitespaceSplitPreTokenizer>(field);
  if (type == "BertPreTokenizer") return without_options<BertPreTokenizer>(field);
  if (type == "Metaspace") return std::make_shared<MetaspacePreTokenizer>(read_metaspace_options(field));
  if (type == "ByteLevel") {
    field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return std::make_shared<ByteLevelPreTokenizer>(
        ByteLevelPreTokenizerOptions{field.at("add_prefix_space").boolean(), field.flag("use_regex", true)});
  }
  if (type == "Split") {
    field.only({"type", "pattern", "behavior", "invert"});
    return std::make_shared<SplitPreTokenizer>(SplitPreTokenizerOptions{read_text_pattern(field.at("pattern")),
                                                                        read_split_behavior(field.at("behavior")),
                                                                        field.at("invert").boolean()});
  }
  if (type == "Punctuation") {
    field.only({"type", "behavior"});
    return std::make_shared<PunctuationPreTokenizer>(field.has("behavior") ? read_split_behavior(field.at("behavior"))
                                                                           : SplitBehavior::Isolated);
  }
  if (type == "Digits") {
    field.only({"type", "individual_digits"});
    return std::make_shared<DigitsPreTokenizer>(field.at("individual_digits").boolean());
  }
  if (type == "CharDelimiterSplit") {
    field.only({"type", "delimiter"});
    return std::make_shared<CharDelimiterSplitPreTokenizer>(field.at("delimiter").character());
  }
  if (type == "FixedLength") {
    field.only({"type", "length"});
    return field.has("length") ? std::make_shared<FixedLengthPreTokenizer>(field.at("length").integer(1, UINT32_MAX))
                               : std::make_shared<FixedLengthPreTokenizer>();
  }
  field.at("type").fail("the pre-tokenizer '" + type + "' is not supported");
}

}  // namespace langzoo
