/// A memory beside a recurrent network, which heads read and write at soft places: the step of Graves, Wayne and
/// Danihelka 2014, https://arxiv.org/abs/1410.5401, equations 2 to 9, for one row of the batch, forward and backward, as
/// float32 loops on the CPU. It is some twenty small tensor operations a head otherwise.
///
/// Letters: N rows of memory, M their width, heads R that read and W that write, S shifts. The memory lies here as
/// (M,N), so that each loop runs over all N rows.
#pragma once

#include <cstdint>

namespace langzoo {

/// What keeps the cosine of a zero vector, and the logarithm of a weight, finite.
inline constexpr double kCosineEpsilon = 1e-8, kLeastWeight = 1e-30;

/// What a controller tells each head, behind one another: key (M), strength, gate, shift (S), sharpening; a writing
/// head's then erase (M) and add (M). The R reading heads come first. All are as a linear layer gives them: what keeps
/// them in their ranges is applied here.
struct MemorySizes {
  std::int64_t rows, width, read_heads, write_heads, shifts;

  std::int64_t heads() const { return read_heads + write_heads; }
  std::int64_t address_size() const { return width + 3 + shifts; }
  std::int64_t interface_size() const { return heads() * address_size() + write_heads * 2 * width; }
  std::int64_t cells() const { return rows * width; }
  /// Where head h's part of the interface begins.
  std::int64_t begin(std::int64_t head) const {
    const auto writing = head > read_heads ? head - read_heads : 0;
    return head * address_size() + writing * 2 * width;
  }
  /// Floats that the backward pass needs of a step: the rows' lengths, and of each head the cosines, the weights by
  /// content and the shifted ones.
  std::int64_t saved_size() const { return rows * (1 + 3 * heads()); }
  /// Floats of working memory.
  std::int64_t scratch_size() const { return rows * (4 + 2 * write_heads) + 2 * interface_size(); }
};

struct MemoryForward {
  const float *interface, *before, *memory;  ///< (P) told; (heads,N) weights of the step before; (M,N)
  float *saved, *weights, *reads, *after;    ///< saved_size(); (heads,N); (R,M); the memory behind the step (M,N)
  float* scratch;
};
/// All heads look at the memory as the step before left it; then all erase, then all add.
void memory_forward(const MemorySizes& sizes, const MemoryForward& step);

struct MemoryBackward {
  const float *interface, *before, *memory, *saved, *weights;  ///< as memory_forward() had and gave them
  const float* dreads;                                         ///< (R,M)
  float* dweights;    ///< (heads,N): of the weights by later steps; becomes that of `before`
  float* dmemory;     ///< (M,N): of `after`; becomes that of `memory`
  float* dinterface;  ///< (P)
  float* scratch;
};
void memory_backward(const MemorySizes& sizes, const MemoryBackward& step);

}  // namespace langzoo
