/// The safetensors format: u64 header length, JSON header, raw row-major little-endian bytes.
/// https://github.com/huggingface/safetensors#format
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "models/io/state_dict.h"

namespace langzoo {

/// Tensors that share one private mapping of the file (copied only where a tensor is not aligned to its element size):
/// opening costs no reading. Throws FileError naming file, tensor and field for anything the format forbids: a header
/// over 100 MB or past the end, unknown dtypes, offsets that overlap, leave holes, run past the end or disagree with
/// the shape.
StateDict load_safetensors(const std::filesystem::path& path);

/// Written atomically; tensors are moved to the CPU and made contiguous one at a time. Alignment: every tensor starts
/// at a multiple of 8 bytes or of its element size.
void save_safetensors(const std::filesystem::path& path, const StateDict& tensors,
                      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace langzoo
