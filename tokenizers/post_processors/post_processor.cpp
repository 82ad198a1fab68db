#include "tokenizers/post_processors/post_processor.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tokenizers/json_field.h"
#include "tokenizers/post_processors/bert_processing.h"
#include "tokenizers/post_processors/byte_level_post_processor.h"
#include "tokenizers/post_processors/post_processor_sequence.h"
#include "tokenizers/post_processors/template_processing.h"

namespace langzoo {

namespace {

/// ["[SEP]", 102]
NamedToken read_named_token(const JsonField& field) {
  const nlohmann::json& pair = field.array();
  if (pair.size() != 2) field.fail(JsonField::shown(pair) + " is not a token and its id");
  return {field.item(pair[0], 0).string(), field.item(pair[1], 1).id()};
}

TemplatePiece read_piece(const JsonField& field) {
  field.only({"Sequence", "SpecialToken"});
  if (field.object().size() != 1) field.fail("is neither a Sequence nor a SpecialToken");
  const bool special = field.has("SpecialToken");
  const JsonField body = field.at(special ? "SpecialToken" : "Sequence");
  body.only({"id", "type_id"});
  TemplatePiece piece;
  piece.type_id = body.at("type_id").id();
  const std::string id = body.at("id").string();
  if (special) {
    piece.kind = TemplatePiece::Kind::SpecialToken;
    piece.special_token = id;
  } else if (id == "B") {
    piece.kind = TemplatePiece::Kind::Second;
  } else if (id != "A") {
    body.at("id").fail(fmt::format("'{}' is not supported, expected A or B", id));
  }
  return piece;
}

std::vector<TemplatePiece> read_template(const JsonField& field) {
  std::vector<TemplatePiece> pieces;
  for (const nlohmann::json& value : field.array()) pieces.push_back(read_piece(field.item(value, pieces.size())));
  return pieces;
}

std::shared_ptr<const PostProcessor> read_template_processing(const JsonField& field) {
  field.only({"type", "single", "pair", "special_tokens"});
  TemplateProcessing::Options options;
  options.single = read_template(field.at("single"));
  options.pair = read_template(field.at("pair"));
  const JsonField tokens = field.at("special_tokens");
  for (const auto& [name, ignored] : tokens.object().items()) {
    const JsonField body = tokens.at(name.c_str());
    body.only({"id", "ids", "tokens"});
    if (body.at("id").string() != name) body.at("id").fail(fmt::format("is not '{}'", name));
    TemplateProcessing::SpecialToken& token = options.special_tokens[name];
    const JsonField ids = body.at("ids"), spellings = body.at("tokens");
    for (const nlohmann::json& id : ids.array()) token.ids.push_back(ids.item(id, token.ids.size()).id());
    for (const nlohmann::json& spelling : spellings.array()) {
      token.tokens.push_back(spellings.item(spelling, token.tokens.size()).string());
    }
  }
  try {
    return std::make_shared<TemplateProcessing>(std::move(options));
  } catch (const std::invalid_argument& error) {
    field.fail(error.what());
  }
}

}  // namespace

std::shared_ptr<const PostProcessor> read_post_processor(const JsonField& field) {
  if (field.is_null()) return nullptr;
  const std::string type = field.type();
  if (type == "TemplateProcessing") return read_template_processing(field);
  if (type == "BertProcessing") {
    field.only({"type", "sep", "cls"});
    return std::make_shared<BertProcessing>(
        BertProcessing::Options{read_named_token(field.at("sep")), read_named_token(field.at("cls"))});
  }
  if (type == "RobertaProcessing") {
    field.only({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    return std::make_shared<RobertaProcessing>(
        RobertaProcessing::Options{read_named_token(field.at("sep")), read_named_token(field.at("cls")),
                                   field.at("trim_offsets").boolean(), field.at("add_prefix_space").boolean()});
  }
  if (type == "ByteLevel") {
    field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return std::make_shared<ByteLevelPostProcessor>(ByteLevelPostProcessor::Options{
        field.flag("add_prefix_space", true), field.flag("trim_offsets", true), field.flag("use_regex", true)});
  }
  if (type == "Sequence") {
    field.only({"type", "processors"});
    const JsonField list = field.at("processors");
    std::vector<std::shared_ptr<const PostProcessor>> processors;
    for (const nlohmann::json& value : list.array()) {
      const JsonField item = list.item(value, processors.size());
      if (item.is_null()) item.fail("is null, expected a post-processor");
      processors.push_back(read_post_processor(item));
    }
    return std::make_shared<PostProcessorSequence>(std::move(processors));
  }
  field.at("type").fail(fmt::format("the post-processor {} is not supported", type));
}

}  // namespace langzoo
