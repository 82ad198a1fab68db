/// The safetensors format: u64 header length, JSON header, raw row-major little-endian bytes.
/// https://github.com/huggingface/safetensors#format
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "models/io/state_dict.h"

namespace langzoo {

/// The file's `__metadata__`: strings to strings.
using SafetensorsMetadata = std::map<std::string, std::string>;

/// Tensors that share one private mapping of the file (copied only where a tensor is not aligned to its element size):
/// opening costs no reading, and writing to a tensor never reaches the file. In the order of their bytes in the file.
/// dtypes: F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U64 U32 U16 U8 BOOL.
/// Throws FileError naming file, tensor and field for anything the format forbids: a header over 100 MB or past the
/// end, a name given twice, unknown dtypes, offsets that overlap, leave holes, run past the end or disagree with the
/// shape.
StateDict load_safetensors(const std::filesystem::path& path, SafetensorsMetadata* metadata = nullptr);

/// Written atomically; tensors are moved to the CPU and made contiguous one at a time. The bytes are those that
/// Python's safetensors writes: larger element sizes first, then by name, the header padded with spaces to a multiple
/// of 8, so that every tensor is aligned to its element size. Throws FileError, or std::invalid_argument for a tensor
/// the format cannot hold.
void save_safetensors(const std::filesystem::path& path, const StateDict& tensors,
                      const SafetensorsMetadata& metadata = {{"format", "pt"}});

}  // namespace langzoo
