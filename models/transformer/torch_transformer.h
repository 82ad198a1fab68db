/// Weights from and to torch.nn.Transformer, whose layers are this family's under other names. What it does not have,
/// embeddings and the output layer, has no other name.
///
///     auto tensors = langzoo::from_torch_transformer(langzoo::load_safetensors("transformer.safetensors"));
///     tensors.insert("shared.weight", table);                   // (V,C)
///     langzoo::load_state_dict(*model, tensors);                // a TransformerModel
///
/// Its post-norm layers (norm_first=False) are normalised once more at the end unless encoder.norm and decoder.norm are
/// None, which the paper's are not: such norms are unexpected weights of our post-norm models.
#pragma once

#include <string>

#include "models/io/state_dict.h"

namespace langzoo {

/// Tensors named as in torch.nn.Transformer (encoder.layers.0.self_attn.in_proj_weight) under a TransformerModel's
/// names (encoder.layers.0.self_attn.q_proj.weight and two others, views of it). `prefix` is what the module is called
/// in the model that the state dict is of, "transformer.", and goes; tensors outside of it are left out. Gradients are
/// renamed as weights are. Throws std::invalid_argument naming a tensor that it does not have or whose shape cannot be.
StateDict from_torch_transformer(const StateDict& tensors, const std::string& prefix = "");

/// The other way: what load_state_dict of a torch.nn.Transformer of the same sizes takes. Embeddings are left out.
/// Throws std::invalid_argument naming a tensor that it has no place for (a gate's), and one that is missing of three.
StateDict to_torch_transformer(const StateDict& tensors);

}  // namespace langzoo
