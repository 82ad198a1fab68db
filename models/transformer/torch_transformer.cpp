#include "models/transformer/torch_transformer.h"

#include <array>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr std::array<std::string_view, 3> kProjections = {"q_proj", "k_proj", "v_proj"};

using Names = std::pair<std::string_view, std::string_view>;  ///< torch's, ours
constexpr Names kEncoderNames[] = {{"self_attn", "self_attn"},
                                   {"linear1", "fc1"},
                                   {"linear2", "fc2"},
                                   {"norm1", "self_attn_layer_norm"},
                                   {"norm2", "final_layer_norm"}};
constexpr Names kDecoderNames[] = {
    {"self_attn", "self_attn"},   {"multihead_attn", "encoder_attn"}, {"linear1", "fc1"},
    {"linear2", "fc2"},           {"norm1", "self_attn_layer_norm"},  {"norm2", "encoder_attn_layer_norm"},
    {"norm3", "final_layer_norm"}};

/// "encoder.layers.0." and "self_attn" and "in_proj_weight", or "encoder." and "norm" and "weight".
struct NameParts {
  std::string stack, part, leaf;
};
std::optional<NameParts> parts_of(const std::string& name) {
  static const std::regex pattern("((?:en|de)coder\\.(?:layers\\.[0-9]+\\.)?)([a-z0-9_]+)\\.(.+)");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) return std::nullopt;
  return NameParts{match[1], match[2], match[3]};
}

/// What `part` of a layer or stack is called on the other side; empty: it has none.
std::string_view other_name(const NameParts& name, std::string_view Names::*from, std::string_view Names::*to) {
  static constexpr Names kStackNames[] = {{"norm", "layer_norm"}};
  const auto find = [&](const auto& names) -> std::string_view {
    for (const Names& pair : names) {
      if (pair.*from == name.part) return pair.*to;
    }
    return {};
  };
  if (name.stack == "encoder." || name.stack == "decoder.") return find(kStackNames);
  return name.stack.starts_with("encoder") ? find(kEncoderNames) : find(kDecoderNames);
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw std::invalid_argument("torch.nn.Transformer: " + name + " " + why);
}

}  // namespace

StateDict from_torch_transformer(const StateDict& tensors, const std::string& prefix) {
  StateDict ours;
  for (const auto& item : tensors) {
    if (!item.key().starts_with(prefix)) continue;
    const auto name = parts_of(item.key().substr(prefix.size()));
    const auto part = name ? other_name(*name, &Names::first, &Names::second) : std::string_view();
    if (part.empty()) refuse(item.key(), "is none of its tensors");
    const auto begin = name->stack + std::string(part) + '.';
    if (!name->leaf.starts_with("in_proj_")) {
      ours.insert(begin + name->leaf, item.value());
      continue;
    }
    const auto& packed = item.value();
    if (packed.dim() == 0 || packed.size(0) % 3 != 0)
      refuse(item.key(), c10::str("is ", packed.sizes(), ", not three projections"));
    const auto thirds = packed.chunk(3);
    for (std::size_t i = 0; i < 3; ++i)
      ours.insert(begin + std::string(kProjections[i]) + '.' + name->leaf.substr(8), thirds[i]);
  }
  return ours;
}

StateDict to_torch_transformer(const StateDict& tensors) {
  StateDict theirs;
  for (const auto& item : tensors) {
    const auto& key = item.key();
    const auto name = parts_of(key);
    if (key == "shared.weight" || (name && name->part.starts_with("embed_"))) continue;
    const auto part = name ? other_name(*name, &Names::second, &Names::first) : std::string_view();
    if (part.empty()) refuse(key, "has no place in it");
    const auto begin = name->stack + std::string(part) + '.';
    const auto dot = name->leaf.find('.');  // q_proj.weight
    if (dot == std::string::npos || name->leaf.starts_with("out_proj.")) {
      theirs.insert(begin + name->leaf, item.value());
      continue;
    }
    std::vector<torch::Tensor> three;
    for (const auto projection : kProjections) {
      const auto other = name->stack + name->part + '.' + std::string(projection) + name->leaf.substr(dot);
      const auto* found = tensors.find(other);
      if (found == nullptr) refuse(other, "is missing");
      three.push_back(*found);
    }
    if (name->leaf.starts_with(kProjections[0]))  // the others go with it
      theirs.insert(begin + "in_proj_" + name->leaf.substr(dot + 1), at::cat(three));
  }
  return theirs;
}

}  // namespace langzoo
