/// The mean of several checkpoints' weights.
#pragma once

#include <filesystem>
#include <span>

#include "models/io/state_dict.h"

namespace langzoo {

/// Of the weights in model folders, in the dtypes of the first; summed in float64, a tensor at a time. What is no
/// floating-point number has to be the same in all. Throws std::invalid_argument for no folder, FileError naming the
/// folder and the tensor that it lacks, has beyond the first's, or has in another shape.
StateDict average_weights(std::span<const std::filesystem::path> dirs);

}  // namespace langzoo
