/// State dicts that torch.save wrote (pytorch_model.bin, .pt), read without running anything: the pickle inside may
/// build dictionaries and tensors and nothing else.
#pragma once

#include <filesystem>

#include "models/io/state_dict.h"

namespace langzoo {

/// The tensors of a saved state dict, in its order, sharing one private mapping of the file; tensors that shared a
/// storage when saved (tied weights) share it again. Throws FileError for a file of the format from before PyTorch 1.6
/// (saying how to convert it), for a pickle that names any function or class a state dict does not need (naming it),
/// for entries that are no tensors, and for sizes, strides or offsets outside the stored bytes.
StateDict load_pytorch_bin(const std::filesystem::path& path);

}  // namespace langzoo
