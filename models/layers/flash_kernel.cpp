#include "models/layers/flash_kernel.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "models/layers/random_bits.h"
#include "models/layers/vector_math.h"

namespace langzoo {

namespace flash {
namespace {

// A lane is a query: scores are kept transposed (keys, queries), so that largest scores and sums run down the lanes and
// keys and values are read as they lie, one element at a time for all lanes. Only queries, and results, are transposed.

using Signed = std::int32_t __attribute__((vector_size(sizeof(Lanes))));

constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr float kLog2E = 1.44269504088896341f;
constexpr std::int64_t kKeys = 64;   ///< of a tile
constexpr std::int64_t kBlocks = 8;  ///< of queries, that the forward pass takes through one chunk of keys
constexpr std::int64_t kRows = 8;    ///< that a product computes at once; keys and widths are padded to a multiple

LANGZOO_INLINE std::int64_t up(std::int64_t n, std::int64_t to) {
  return (n + to - 1) / to * to;
}
LANGZOO_INLINE std::int64_t least(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

LANGZOO_INLINE void clear(float* to, std::int64_t n) {
  std::memset(to, 0, static_cast<std::size_t>(n) * sizeof(float));
}

LANGZOO_INLINE void store_lanes(float* to, const Lanes& x) {
  std::memcpy(to, &x, sizeof(x));
}
LANGZOO_INLINE void store_lanes(std::uint16_t* to, const Lanes& x) {
  const auto bits = reinterpret_cast<Words>(x);
  auto rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;  // to nearest even
  rounded = x == x ? rounded : Words{} + 0x7fc0u;
  using Halves = std::uint16_t __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));
  const auto halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof(halves));
}

/// The first n elements; the other lanes are 0.
template <class T>
LANGZOO_INLINE void load_some(Lanes& to, const T* from, std::int64_t n) {
  if (n >= kLanes) return load_lanes(to, from);
  float part[kLanes] = {};
  for (std::int64_t i = 0; i < n; ++i) part[i] = load(from[i]);
  load_lanes(to, part);
}
template <class T>
LANGZOO_INLINE void store_some(T* to, const Lanes& x, std::int64_t n) {
  if (n >= kLanes) return store_lanes(to, x);
  for (std::int64_t i = 0; i < n; ++i) store(to[i], x[i]);
}

/// 2^x for x <= 0, relative error below 1e-7; 0 below -125, NaN of NaN.
LANGZOO_INLINE void exp2_lanes(Lanes& x) {
  const Lanes rounded = x + 12582912.0f;  // 1.5 * 2^23: what is behind the point is rounded away, n stands in low bits
  const Lanes f = x - (rounded - 12582912.0f);
  Lanes p = f * 1.53533620e-4f + 1.33988750e-3f;
  p = p * f + 9.61843692e-3f;
  p = p * f + 5.55033237e-2f;
  p = p * f + 2.40226477e-1f;
  p = p * f + 6.93147182e-1f;
  p = p * f + 1.0f;
  const auto scaled = reinterpret_cast<Lanes>(reinterpret_cast<Words>(p) + (reinterpret_cast<Words>(rounded) << 23));
  x = x < -125.0f ? Lanes{} : scaled;
}

#define LANGZOO_SHUFFLE(a, b, I)                                                                                 \
  __builtin_shufflevector(a, b, I(0), I(1), I(2), I(3), I(4), I(5), I(6), I(7), I(8), I(9), I(10), I(11), I(12), \
                          I(13), I(14), I(15))

/// Exchanges the off-diagonal S x S blocks of rows i and i + S.
template <int S>
LANGZOO_INLINE void exchange(Lanes* x) {
#define LANGZOO_UPPER(l) ((l)&S ? 16 + (l)-S : (l))
#define LANGZOO_LOWER(l) ((l)&S ? 16 + (l) : (l) + S)
  for (int i = 0; i < kLanes; ++i) {
    if (i & S) continue;
    const Lanes a = x[i], b = x[i + S];
    x[i] = LANGZOO_SHUFFLE(a, b, LANGZOO_UPPER);
    x[i + S] = LANGZOO_SHUFFLE(a, b, LANGZOO_LOWER);
  }
#undef LANGZOO_UPPER
#undef LANGZOO_LOWER
}
#undef LANGZOO_SHUFFLE

LANGZOO_INLINE void transpose(Lanes* x) {
  exchange<8>(x);
  exchange<4>(x);
  exchange<2>(x);
  exchange<1>(x);
}

/// Two rows in bfloat16, the first one's elements in the low halves; both must be values of it.
LANGZOO_INLINE void pair(Words& to, const Lanes& low, const Lanes& high) {
  to = (reinterpret_cast<Words>(low) >> 16) | (reinterpret_cast<Words>(high) & 0xffff0000u);
}
/// To the nearest value of bfloat16, even.
LANGZOO_INLINE void round(Lanes& x) {
  const auto bits = reinterpret_cast<Words>(x);
  x = reinterpret_cast<Lanes>(bits + 0x7fffu + ((bits >> 16) & 1u));
}
LANGZOO_INLINE void store_words(std::uint32_t* to, const Words& x) {
  std::memcpy(to, &x, sizeof(x));
}

// What a product is made of: how much of a tile a processor's registers hold, and what a word is that an instruction
// multiplies: one float, or a pair of bfloat16 neighbours in what is summed over.

/// 16 registers, 8 floats wide.
struct Narrow {
  static constexpr int kVectors = 1, kProductRows = 4, kPair = 1;
  using Word = float;
  using WordLanes = Lanes;
  LANGZOO_INLINE static void multiply_add(Lanes& sum, float a, const Lanes& b) { sum += a * b; }
};

/// 32 registers, 16 floats wide.
struct Wide : Narrow {
  static constexpr int kVectors = 2, kProductRows = 8;
};

#if defined(__x86_64__)
#define LANGZOO_TARGET_BF16 __attribute__((target("avx512f,avx512bf16")))
struct WidePairs {
  static constexpr int kVectors = 2, kProductRows = 8, kPair = 2;
  using Word = std::uint32_t;
  using WordLanes = Words;
  // Not LANGZOO_INLINE, which would ask for the instruction wherever the templates that call this are seen first.
  LANGZOO_TARGET_BF16 static inline void multiply_add(Lanes& sum, std::uint32_t a, const Words& b) {
    sum = _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(b), reinterpret_cast<__m512bh>(Words{} + a));
  }
};
#endif

template <class Isa>
LANGZOO_INLINE std::int64_t words(std::int64_t n) {
  return (n + Isa::kPair - 1) / Isa::kPair;
}

enum class Into { kEmpty, kAdd, kScaled };

/// c (kRows, 16 V) = factor[0] times, or added to what is there, or added to that times `factor` (16 V):
/// sum over `depth` of a[r * a_row + d * a_depth] b[d * b_stride + lane].
template <class Isa, int V, Into kInto, class Word = typename Isa::Word>
LANGZOO_INLINE void product(const Word* __restrict a, std::int64_t a_row, std::int64_t a_depth,
                            const Word* __restrict b, std::int64_t b_stride, float* __restrict c, std::int64_t c_stride,
                            std::int64_t depth, const Lanes* factor = nullptr) {
  constexpr int R = Isa::kProductRows;
  for (std::int64_t first = 0; first < kRows; first += R, a += R * a_row, c += R * c_stride) {
    Lanes sum[R][V];
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) {
        if constexpr (kInto == Into::kEmpty) {
          sum[r][v] = Lanes{};
        } else {
          load_lanes(sum[r][v], c + r * c_stride + v * kLanes);
          if constexpr (kInto == Into::kScaled) sum[r][v] *= factor[v];
        }
      }
    }
    const Word *x = a, *y = b;
    for (std::int64_t d = 0; d < depth; ++d, x += a_depth, y += b_stride) {
      typename Isa::WordLanes row[V];
      for (int v = 0; v < V; ++v) std::memcpy(&row[v], y + v * kLanes, sizeof(row[v]));
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < V; ++v) Isa::multiply_add(sum[r][v], x[r * a_row], row[v]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) {
        if constexpr (kInto == Into::kEmpty) sum[r][v] *= *factor;
        store_lanes(c + r * c_stride + v * kLanes, sum[r][v]);
      }
    }
  }
}

/// The same for all columns of b and c, a multiple of kLanes, added to c.
template <class Isa, class Word = typename Isa::Word>
LANGZOO_INLINE void add_products(const Word* a, std::int64_t a_row, const Word* b, float* c, std::int64_t columns,
                                 std::int64_t depth) {
  std::int64_t i = 0;
  for (; i + Isa::kVectors * kLanes <= columns; i += Isa::kVectors * kLanes) {
    product<Isa, Isa::kVectors, Into::kAdd>(a, a_row, 1, b + i, columns, c + i, columns, depth);
  }
  for (; i < columns; i += kLanes) product<Isa, 1, Into::kAdd>(a, a_row, 1, b + i, columns, c + i, columns, depth);
}

// Copies of rows [begin, end) as products read them. Columns are padded with zeros to `padded`, rows with rows of zeros
// up to `rows`.

/// Words of neighbouring columns.
template <class Isa, class T>
LANGZOO_INLINE void copy_rows(const HeadRows<const T>& x, std::int64_t begin, std::int64_t end, std::int64_t rows,
                              std::int64_t width, std::int64_t padded, typename Isa::Word* to) {
  for (std::int64_t i = begin; i < end; ++i) {
    for (std::int64_t c = 0; c < padded; c += kLanes) {
      Lanes part;
      load_some(part, x[i] + c, width - c);
      if constexpr (Isa::kPair == 1) {
        store_lanes(to + (i - begin) * padded + c, part);
      } else {
        store_lanes(reinterpret_cast<std::uint16_t*>(to) + (i - begin) * padded + c, part);
      }
    }
  }
  const auto row = words<Isa>(padded);
  std::memset(to + (end - begin) * row, 0, static_cast<std::size_t>((rows - end + begin) * row) * sizeof(*to));
}

/// Words of neighbouring rows.
template <class Isa, class T>
LANGZOO_INLINE void copy_row_pairs(const HeadRows<const T>& x, std::int64_t begin, std::int64_t end, std::int64_t rows,
                                   std::int64_t width, std::int64_t padded, typename Isa::Word* to) {
  if constexpr (Isa::kPair == 1) {
    copy_rows<Isa>(x, begin, end, rows, width, padded, to);
  } else {
    for (std::int64_t i = 0; i < rows; i += 2, to += padded) {
      for (std::int64_t c = 0; c < padded; c += kLanes) {
        Lanes low{}, high{};
        if (begin + i < end) load_some(low, x[begin + i] + c, width - c);
        if (begin + i + 1 < end) load_some(high, x[begin + i + 1] + c, width - c);
        Words both;
        pair(both, low, high);
        store_words(to + c, both);
      }
    }
  }
}

/// `n` rows from `begin` on, transposed, in words of neighbouring columns: to (padded / kPair, 16 V).
template <class Isa, int V, class T>
LANGZOO_INLINE void copy_transposed(const HeadRows<const T>& x, std::int64_t begin, std::int64_t n, std::int64_t width,
                                    std::int64_t padded, typename Isa::Word* to) {
  for (int v = 0; v < V; ++v) {
    for (std::int64_t c = 0; c < padded; c += kLanes) {
      Lanes part[kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        part[i] = Lanes{};
        if (v * kLanes + i < n) load_some(part[i], x[begin + v * kLanes + i] + c, width - c);
      }
      transpose(part);
      auto* const at = to + words<Isa>(c) * V * kLanes + v * kLanes;
      for (std::int64_t i = 0; i < kLanes; i += Isa::kPair) {
        if constexpr (Isa::kPair == 1) {
          store_lanes(at + i * V * kLanes, part[i]);
        } else {
          Words both;
          pair(both, part[i], part[i + 1]);
          store_words(at + i / 2 * V * kLanes, both);
        }
      }
    }
  }
}

/// The reverse: from (padded, 16 V), times factor (16 V), to `n` rows.
template <int V, class T>
LANGZOO_INLINE void store_transposed(const float* from, const Lanes* factor, const HeadRows<T>& x, std::int64_t begin,
                                     std::int64_t n, std::int64_t width) {
  for (int v = 0; v < V; ++v) {
    for (std::int64_t c = 0; c < width; c += kLanes) {
      Lanes part[kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        load_lanes(part[i], from + (c + i) * V * kLanes + v * kLanes);
        part[i] *= factor[v];
      }
      transpose(part);
      for (std::int64_t i = 0; i < least(kLanes, n - v * kLanes); ++i) {
        store_some(x[begin + v * kLanes + i] + c, part[i], width - c);
      }
    }
  }
}

/// Keys that queries [begin, begin + n) see: [first, last), first being a multiple of kRows.
struct KeyRange {
  std::int64_t first, last;
};
template <class T>
LANGZOO_INLINE KeyRange visible_keys(const FlashHead<T>& head, std::int64_t begin, std::int64_t n) {
  const auto place = head.keys - head.queries + begin, last_place = place + n - 1;
  KeyRange range{0, head.keys};
  if (head.causal) {
    range.last = least(range.last, last_place + 1);
  } else if (head.window > 0) {
    range.last = least(range.last, last_place + head.window);
  }
  if (head.window > 0 && place - head.window + 1 > 0) range.first = (place - head.window + 1) / kRows * kRows;
  return range;
}

/// A block of up to 16 V queries, and what is the same for all tiles of it.
template <class Isa, int V, class T>
struct Block {
  static constexpr std::int64_t kWidth = V * kLanes;
  using Word = typename Isa::Word;

  const FlashHead<T>& head;
  std::int64_t begin, n, padded;  ///< first query, their number, padded head width
  Signed place[V];                ///< of the queries among the keys
  Words key1[V], key2[V];         ///< of the queries' random numbers
  float kept;                     ///< what weights that are not dropped are multiplied by

  LANGZOO_INLINE Block(const FlashHead<T>& head, std::int64_t begin, std::int64_t n)
      : head(head), begin(begin), n(n), padded(up(head.width, kLanes)), kept(keep_factor(head.dropped)) {
    std::int32_t places[kWidth];
    for (std::int64_t i = 0; i < kWidth; ++i) {
      places[i] = static_cast<std::int32_t>(head.keys - head.queries + begin + i);
    }
    std::memcpy(place, places, sizeof(place));
    if (head.dropped == 0) return;
    std::uint32_t low[kWidth], high[kWidth];
    for (std::int64_t i = 0; i < kWidth; ++i) {
      const auto key = random_key(head.seed, head.first_query + static_cast<std::uint64_t>(begin + i));
      low[i] = key.first, high[i] = key.second;
    }
    std::memcpy(key1, low, sizeof(key1));
    std::memcpy(key2, high, sizeof(key2));
  }

  /// Products of `n_keys` rows of `x` and the block's, transposed: s (n_keys, 16 V).
  LANGZOO_INLINE void products(const Word* x, const Word* block, std::int64_t n_keys, float scale, float* s) const {
    const Lanes factor = Lanes{} + scale;
    const auto row = words<Isa>(padded);
    for (std::int64_t j = 0; j < n_keys; j += kRows) {
      product<Isa, V, Into::kEmpty>(x + j * row, row, 1, block, kWidth, s + j * kWidth, kWidth, words<Isa>(head.width),
                                    &factor);
    }
  }

  /// The scores of `keys`, which are the keys [j0, j0 + n_keys), in base 2: s (n_keys, 16 V), -inf where one is not
  /// seen.
  LANGZOO_INLINE void scores(const Word* queries, const Word* keys, std::int64_t j0, std::int64_t n_keys,
                             float* s) const {
    products(keys, queries, n_keys, head.scale * kLog2E, s);
    if (head.bias) add_bias(j0, n_keys, s);
    const auto first_place = head.keys - head.queries + begin, last_place = first_place + n - 1;
    const bool cut_above = head.causal ? j0 + n_keys - 1 > first_place
                                       : head.window > 0 && j0 + n_keys - 1 > first_place + head.window - 1;
    const bool cut_below = head.window > 0 && j0 < last_place - head.window + 1;
    if (!cut_above && !cut_below) return;
    const auto after = static_cast<std::int32_t>(head.causal ? 0 : head.window - 1);
    const auto before = static_cast<std::int32_t>(head.window > 0 ? head.window - 1 : head.keys);
    for (std::int64_t j = 0; j < n_keys; ++j) {
      const auto key = static_cast<std::int32_t>(j0 + j);
      for (int v = 0; v < V; ++v) {
        Lanes x;
        load_lanes(x, s + j * kWidth + v * kLanes);
        x = place[v] + after < key ? Lanes{} + kNothing : x;
        x = place[v] - before > key ? Lanes{} + kNothing : x;
        store_lanes(s + j * kWidth + v * kLanes, x);
      }
    }
  }

  LANGZOO_INLINE void add_bias(std::int64_t j0, std::int64_t n_keys, float* s) const {
    if (head.bias_query_stride == 0) {
      for (std::int64_t j = 0; j < n_keys; ++j) {
        const float bias = head.bias[j0 + j] * kLog2E;
        for (std::int64_t i = 0; i < kWidth; i += kLanes) {
          Lanes x;
          load_lanes(x, s + j * kWidth + i);
          store_lanes(s + j * kWidth + i, x + bias);
        }
      }
      return;
    }
    for (int v = 0; v < V; ++v) {
      for (std::int64_t j = 0; j < n_keys; j += kLanes) {
        Lanes part[kLanes];
        for (std::int64_t i = 0; i < kLanes; ++i) {
          part[i] = Lanes{};
          const auto query = v * kLanes + i;
          if (query < n) load_some(part[i], head.bias + (begin + query) * head.bias_query_stride + j0 + j, n_keys - j);
        }
        transpose(part);
        for (std::int64_t i = 0; i < least(kLanes, n_keys - j); ++i) {
          auto* const at = s + (j + i) * kWidth + v * kLanes;
          Lanes x;
          load_lanes(x, at);
          store_lanes(at, x + part[i] * kLog2E);
        }
      }
    }
  }

  /// 0 where the weight of key j is dropped, `kept` elsewhere, for keys j (even) and j + 1.
  LANGZOO_INLINE void keep(std::int64_t j, int v, Lanes& even, Lanes& odd) const {
    Words bits;
    random_bits(key1[v], key2[v], Words{} + static_cast<std::uint32_t>(j), bits);
    even = (bits & 0xffffu) < head.dropped ? Lanes{} : Lanes{} + kept;
    odd = (bits >> 16) < head.dropped ? Lanes{} : Lanes{} + kept;
  }
};

/// Keys and values are worked on in chunks, which the second cache holds beside their gradients.
LANGZOO_INLINE std::int64_t chunk_of(std::int64_t padded) {
  constexpr std::int64_t kFloats = 1 << 15;
  return padded * kKeys > kFloats ? kKeys : kFloats / padded / kKeys * kKeys;
}

/// Where each part of the scratch begins: keys and values of a chunk, what blocks need, and the same for gradients.
/// Words of neighbouring columns, or of neighbouring rows (pairs); where a word is a float both are one.
template <class Isa>
struct Scratch {
  using Word = typename Isa::Word;
  std::int64_t padded, chunk;
  Word *keys, *key_pairs, *values, *value_pairs;  ///< (chunk,K), both padded
  Word* queries;                                  ///< (K, 32)
  float *out, *sums;                              ///< (kBlocks, K, 32), (kBlocks, 2, 32)
  float* scores;                                  ///< (kKeys, 32)
  Word* weights;                                  ///< of scores, as words
  Word *d_out, *query_pairs, *d_out_pairs;        ///< (K, 32), (32, K), (32, K)
  float* d_scores;                                ///< (kKeys, 32)
  Word *d_weights, *d_weight_pairs;               ///< of d_scores, as words
  float *d_keys, *d_values;                       ///< (chunk,K)
  float* d_queries;                               ///< (T / 32, K, 32)

  template <class T>
  LANGZOO_INLINE Scratch(const FlashHead<T>& head, float* begin) : padded(up(head.width, kLanes)) {
    chunk = chunk_of(padded);
    const auto matrix = least(chunk, up(head.keys, kRows)) * padded, block = padded * kFlashQueries;
    constexpr auto kTile = kKeys * kFlashQueries;
    constexpr bool kPairs = Isa::kPair == 2;
    float* next = begin;
    const auto floats = [&](std::int64_t n) { return std::exchange(next, next + n); };
    const auto as_words = [&](std::int64_t n) { return reinterpret_cast<Word*>(floats(n)); };
    keys = as_words(matrix), key_pairs = kPairs ? keys + matrix / 2 : keys;
    values = as_words(matrix), value_pairs = kPairs ? values + matrix / 2 : values;
    queries = as_words(block), scores = floats(kTile), weights = as_words(kTile);
    if constexpr (!kPairs) weights = scores;
    float* const after = next;  // the passes have the rest in common
    out = floats(kBlocks * block), sums = floats(kBlocks * 2 * kFlashQueries);
    next = after;
    d_out = as_words(block), query_pairs = as_words(block), d_out_pairs = as_words(block);
    d_scores = floats(kTile), d_weights = as_words(kTile), d_weight_pairs = d_weights + kTile / 2;
    if constexpr (!kPairs) d_weights = d_weight_pairs = d_scores;
    d_keys = floats(matrix), d_values = floats(matrix), d_queries = next;
  }
};

/// Keys [begin, end), which lie in one chunk, for a block's step. Whether it is the block's first and last.
struct Step {
  std::int64_t begin, end, chunk_begin;
  bool first, last;
};

template <class Isa, int V, class T>
LANGZOO_INLINE void forward_block(const FlashHead<T>& head, std::int64_t begin, std::int64_t n, const Step& step,
                                  const Scratch<Isa>& at, float* out, float* sums) {
  constexpr auto kWidth = V * kLanes;
  const Block<Isa, V, T> block(head, begin, n);
  const auto padded = at.padded;
  copy_transposed<Isa, V>(head.q, begin, n, head.width, padded, at.queries);
  Lanes largest[V], total[V];
  for (int v = 0; v < V; ++v) {
    largest[v] = Lanes{} + kNothing, total[v] = Lanes{};
    if (step.first) continue;
    load_lanes(largest[v], sums + v * kLanes);
    load_lanes(total[v], sums + kFlashQueries + v * kLanes);
  }
  if (step.first) clear(out, padded * kWidth);

  for (auto j0 = step.begin; j0 < step.end; j0 += kKeys) {
    const auto n_keys = least(kKeys, step.end - j0), row = j0 - step.chunk_begin;
    block.scores(at.queries, at.keys + row * words<Isa>(padded), j0, n_keys, at.scores);
    Lanes factor[V];
    for (int v = 0; v < V; ++v) {
      float* const s = at.scores + v * kLanes;
      Lanes most = largest[v], sum{}, x;
      for (std::int64_t j = 0; j < n_keys; ++j) {
        load_lanes(x, s + j * kWidth);
        most = x > most ? x : most;
      }
      const Lanes shift = most == kNothing ? Lanes{} : most;  // -inf less -inf is no number
      factor[v] = largest[v] - shift;
      exp2_lanes(factor[v]);
      largest[v] = most;
      for (std::int64_t j = 0; j < n_keys; ++j) {
        load_lanes(x, s + j * kWidth);
        x -= shift;
        exp2_lanes(x);
        sum += x;
        store_lanes(s + j * kWidth, x);
      }
      total[v] = total[v] * factor[v] + sum;
      if (head.dropped == 0 && Isa::kPair == 1) continue;
      if (n_keys % 2 == 1) store_lanes(s + n_keys * kWidth, Lanes{});
      for (std::int64_t j = 0; j < n_keys; j += 2) {
        Lanes even, odd, kept_even, kept_odd;
        load_lanes(even, s + j * kWidth);
        load_lanes(odd, s + (j + 1) * kWidth);
        if (head.dropped > 0) {
          block.keep(j0 + j, v, kept_even, kept_odd);
          even *= kept_even, odd *= kept_odd;
        }
        if constexpr (Isa::kPair == 1) {
          store_lanes(s + j * kWidth, even);
          store_lanes(s + (j + 1) * kWidth, odd);
        } else {
          Words both;
          round(even), round(odd);
          pair(both, even, odd);
          store_words(at.weights + j / 2 * kWidth + v * kLanes, both);
        }
      }
    }
    for (std::int64_t c = 0; c < padded; c += kRows) {
      product<Isa, V, Into::kScaled>(at.value_pairs + words<Isa>(row) * padded + c, 1, padded, at.weights, kWidth,
                                     out + c * kWidth, kWidth, words<Isa>(n_keys), factor);
    }
  }

  if (!step.last) {
    for (int v = 0; v < V; ++v) {
      store_lanes(sums + v * kLanes, largest[v]);
      store_lanes(sums + kFlashQueries + v * kLanes, total[v]);
    }
    return;
  }
  for (int v = 0; v < V; ++v) total[v] = total[v] == 0.0f ? Lanes{} : 1.0f / total[v];
  store_transposed<V>(out, total, head.out, begin, n, head.width);
  for (std::int64_t i = 0; i < n; ++i) {
    const float most = largest[i / kLanes][i % kLanes];
    head.normalisers[(begin + i) * head.normaliser_stride] = {most == kNothing ? 0 : most,
                                                              total[i / kLanes][i % kLanes]};
  }
}

/// The part of `range` that lies in the chunk from `chunk_begin` on.
LANGZOO_INLINE Step step_of(const KeyRange& range, std::int64_t chunk_begin, std::int64_t chunk, bool first,
                            bool last) {
  const auto end = least(range.last, chunk_begin + chunk);
  return {range.first > chunk_begin ? range.first : chunk_begin, end, chunk_begin, first, last};
}

template <class Isa, class T>
LANGZOO_INLINE void forward(const FlashHead<T>& head, std::int64_t begin, std::int64_t end, float* scratch) {
  const Scratch<Isa> at(head, scratch);
  constexpr std::int64_t kMost = Isa::kVectors * kLanes;
  std::int64_t held = -1;  // where the chunk begins whose keys are copied
  for (; begin < end; begin += kBlocks * kMost) {
    const auto group_end = least(end, begin + kBlocks * kMost);
    const auto range = visible_keys(head, begin, group_end - begin);
    for (auto chunk = range.first / at.chunk * at.chunk;; chunk += at.chunk) {
      const auto chunk_end = least(head.keys, chunk + at.chunk);
      const bool first = chunk <= range.first, last = chunk_end >= range.last;
      if (held != chunk) {
        copy_rows<Isa>(head.k, chunk, chunk_end, up(chunk_end - chunk, kRows), head.width, at.padded, at.keys);
        copy_row_pairs<Isa>(head.v, chunk, chunk_end, up(chunk_end - chunk, kRows), head.width, at.padded,
                            at.value_pairs);
        held = chunk;
      }
      float *out = at.out, *sums = at.sums;
      for (auto i = begin; i < group_end; i += kMost, out += at.padded * kMost, sums += 2 * kFlashQueries) {
        const auto n = least(kMost, group_end - i);
        const auto step = step_of(visible_keys(head, i, n), chunk, at.chunk, first, last);
        if (n > kLanes) {
          forward_block<Isa, Isa::kVectors>(head, i, n, step, at, out, sums);
        } else {
          forward_block<Isa, 1>(head, i, n, step, at, out, sums);
        }
      }
      if (last) break;
    }
  }
}

template <class T>
LANGZOO_INLINE float row_product(const T* a, const T* b, std::int64_t n) {
  Lanes sum{}, x, y;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    load_some(x, a + i, n - i);
    load_some(y, b + i, n - i);
    sum += x * y;
  }
  return sum_of(sum);
}

template <class Isa, int V, class T>
LANGZOO_INLINE void backward_block(const FlashHead<T>& head, std::int64_t begin, std::int64_t n, const Step& step,
                                   const Scratch<Isa>& at, float* d_queries) {
  constexpr auto kWidth = V * kLanes;
  const Block<Isa, V, T> block(head, begin, n);
  const auto padded = at.padded, rows = words<Isa>(n) * Isa::kPair;
  copy_transposed<Isa, V>(head.q, begin, n, head.width, padded, at.queries);
  copy_transposed<Isa, V>(head.d_out, begin, n, head.width, padded, at.d_out);
  copy_row_pairs<Isa>(head.q, begin, begin + n, rows, head.width, padded, at.query_pairs);
  copy_row_pairs<Isa>(head.d_out, begin, begin + n, rows, head.width, padded, at.d_out_pairs);
  if (step.first) clear(d_queries, padded * kWidth);
  float numbers[3][kWidth] = {};
  for (std::int64_t i = 0; i < kWidth; ++i) {
    numbers[0][i] = -kNothing;  // lanes without a query weigh nothing
    if (i >= n) continue;
    const auto& normaliser = head.normalisers[(begin + i) * head.normaliser_stride];
    numbers[0][i] = normaliser.largest, numbers[1][i] = normaliser.factor;
    numbers[2][i] = row_product<T>(head.out[begin + i], head.d_out[begin + i], head.width);
  }

  for (auto j0 = step.begin; j0 < step.end; j0 += kKeys) {
    const auto n_keys = least(kKeys, step.end - j0), n_rows = up(n_keys, kRows), row = j0 - step.chunk_begin;
    block.scores(at.queries, at.keys + row * words<Isa>(padded), j0, n_keys, at.scores);
    block.products(at.values + row * words<Isa>(padded), at.d_out, n_keys, 1.0f, at.d_scores);
    for (int v = 0; v < V; ++v) {
      Lanes largest, factor, delta;
      load_lanes(largest, numbers[0] + v * kLanes);
      load_lanes(factor, numbers[1] + v * kLanes);
      load_lanes(delta, numbers[2] + v * kLanes);
      for (std::int64_t j = 0; j < n_rows; j += 2) {
        Lanes p[2] = {}, dp[2] = {}, kept[2];
        if (head.dropped > 0) block.keep(j0 + j, v, kept[0], kept[1]);
        for (std::int64_t i = 0; i < 2; ++i) {
          if (j + i >= n_keys) continue;
          load_lanes(p[i], at.scores + (j + i) * kWidth + v * kLanes);
          load_lanes(dp[i], at.d_scores + (j + i) * kWidth + v * kLanes);
          p[i] -= largest;
          exp2_lanes(p[i]);
          p[i] *= factor;
          if (head.dropped > 0) {
            dp[i] = p[i] * (dp[i] * kept[i] - delta);
            p[i] *= kept[i];
          } else {
            dp[i] = p[i] * (dp[i] - delta);
          }
        }
        for (std::int64_t i = 0; i < 2; ++i) {
          const auto place = (j + i) * kWidth + v * kLanes;
          if (Isa::kPair == 1 || head.d_bias) store_lanes(at.d_scores + place, dp[i]);
          if constexpr (Isa::kPair == 1) {
            store_lanes(at.scores + place, p[i]);
          } else {
            store_lanes(reinterpret_cast<std::uint16_t*>(at.weights) + place, p[i]);
            store_lanes(reinterpret_cast<std::uint16_t*>(at.d_weights) + place, dp[i]);
            round(dp[i]);
          }
        }
        if constexpr (Isa::kPair == 2) {
          Words both;
          pair(both, dp[0], dp[1]);
          store_words(at.d_weight_pairs + j / 2 * kWidth + v * kLanes, both);
        }
      }
      if (!head.d_bias) continue;
      for (std::int64_t j = 0; j < n_keys; ++j) {
        float* const sum = head.d_bias + (j0 + j) * head.d_bias_stride + begin + v * kLanes;
        const auto left = n - v * kLanes;
        Lanes x, y;
        load_some(x, sum, left);
        load_lanes(y, at.d_scores + j * kWidth + v * kLanes);
        store_some(sum, x + y, left);
      }
    }
    for (std::int64_t c = 0; c < padded; c += kRows) {
      product<Isa, V, Into::kAdd>(at.key_pairs + words<Isa>(row) * padded + c, 1, padded, at.d_weight_pairs, kWidth,
                                  d_queries + c * kWidth, kWidth, words<Isa>(n_keys));
    }
    constexpr auto kRowWords = kWidth / Isa::kPair;
    for (std::int64_t j = 0; j < n_rows; j += kRows) {
      const auto to = (row + j) * padded;
      add_products<Isa>(at.weights + j * kRowWords, kRowWords, at.d_out_pairs, at.d_values + to, padded, words<Isa>(n));
      add_products<Isa>(at.d_weights + j * kRowWords, kRowWords, at.query_pairs, at.d_keys + to, padded, words<Isa>(n));
    }
  }
  if (!step.last) return;
  Lanes scale[V];
  for (int v = 0; v < V; ++v) scale[v] = Lanes{} + head.scale;
  store_transposed<V>(d_queries, scale, head.dq, begin, n, head.width);
}

template <class T>
LANGZOO_INLINE void store_rows(const float* from, float factor, const HeadRows<T>& x, std::int64_t begin,
                               std::int64_t end, std::int64_t width, std::int64_t padded) {
  for (auto i = begin; i < end; ++i, from += padded) {
    for (std::int64_t c = 0; c < width; c += kLanes) {
      Lanes part;
      load_lanes(part, from + c);
      store_some(x[i] + c, part * factor, width - c);
    }
  }
}

template <class Isa, class T>
LANGZOO_INLINE void backward(const FlashHead<T>& head, float* scratch) {
  const Scratch<Isa> at(head, scratch);
  constexpr std::int64_t kMost = Isa::kVectors * kLanes;
  for (std::int64_t chunk = 0; chunk < head.keys || chunk == 0; chunk += at.chunk) {
    const auto end = least(head.keys, chunk + at.chunk), rows = up(end - chunk, kRows);
    copy_rows<Isa>(head.k, chunk, end, rows, head.width, at.padded, at.keys);
    copy_rows<Isa>(head.v, chunk, end, rows, head.width, at.padded, at.values);
    if (Isa::kPair == 2) copy_row_pairs<Isa>(head.k, chunk, end, rows, head.width, at.padded, at.key_pairs);
    clear(at.d_keys, rows * at.padded);
    clear(at.d_values, rows * at.padded);
    float* d_queries = at.d_queries;
    for (std::int64_t begin = 0; begin < head.queries; begin += kMost, d_queries += at.padded * kMost) {
      const auto n = least(kMost, head.queries - begin);
      const auto range = visible_keys(head, begin, n);
      const bool first = chunk == 0, last = end == head.keys;
      const auto step = step_of(range, chunk, at.chunk, first, last);
      if (step.begin >= step.end && !first && !last) continue;
      if (n > kLanes) {
        backward_block<Isa, Isa::kVectors>(head, begin, n, step, at, d_queries);
      } else {
        backward_block<Isa, 1>(head, begin, n, step, at, d_queries);
      }
    }
    store_rows(at.d_keys, head.scale, head.dk, chunk, end, head.width, at.padded);
    store_rows(at.d_values, 1.0f, head.dv, chunk, end, head.width, at.padded);
  }
}

// One set of functions an instruction set. The loops differ, so that the loader's choice among clones does not do.
#define LANGZOO_FLASH(name, target, Isa)                                                                              \
  template <class T>                                                                                                  \
  struct name {                                                                                                       \
    target static void forward_pass(const FlashHead<T>& head, std::int64_t begin, std::int64_t end, float* scratch) { \
      forward<Isa>(head, begin, end, scratch);                                                                        \
    }                                                                                                                 \
    target static void backward_pass(const FlashHead<T>& head, float* scratch) { backward<Isa>(head, scratch); }      \
  };

LANGZOO_FLASH(FlashPlain, , Narrow)
#if defined(__x86_64__)
LANGZOO_FLASH(FlashAvx2, __attribute__((target("avx2,fma"))), Narrow)
LANGZOO_FLASH(FlashAvx512, __attribute__((target("avx512f"))), Wide)
LANGZOO_FLASH(FlashBf16, LANGZOO_TARGET_BF16, WidePairs)
#endif
#undef LANGZOO_FLASH

std::atomic<FlashPath>& chosen_path() {
  static std::atomic<FlashPath> path = best_flash_path();
  return path;
}

/// Calls visit(functions of the chosen set for T).
template <class T, class Visit>
void choose(const Visit& visit) {
#if defined(__x86_64__)
  const auto path = chosen_path().load(std::memory_order_relaxed);
  if constexpr (std::is_same_v<T, std::uint16_t>) {
    if (path == FlashPath::kAvx512Bf16) return visit(FlashBf16<T>());
  }
  if (path >= FlashPath::kAvx512) return visit(FlashAvx512<T>());
  if (path == FlashPath::kAvx2) return visit(FlashAvx2<T>());
#endif
  visit(FlashPlain<T>());
}

template <class T>
void run_forward(const FlashHead<T>& head, std::int64_t begin, std::int64_t end, float* scratch) {
  choose<T>([&](auto set) { set.forward_pass(head, begin, end, scratch); });
}

template <class T>
void run_backward(const FlashHead<T>& head, float* scratch) {
  choose<T>([&](auto set) { set.backward_pass(head, scratch); });
}

}  // namespace
}  // namespace flash

std::int64_t flash_scratch(std::int64_t queries, std::int64_t keys, std::int64_t width, bool backward) {
  using namespace flash;
  const auto padded = up(width, kLanes), matrix = least(chunk_of(padded), up(keys, kRows)) * padded;
  const auto block = padded * kFlashQueries;
  constexpr auto kTile = kKeys * kFlashQueries;
  const auto common = 2 * matrix + block + 2 * kTile;
  if (!backward) return common + kBlocks * (block + 2 * kFlashQueries);
  return common + 3 * block + 2 * kTile + 2 * matrix + padded * up(queries, kFlashQueries);
}

void flash_forward(const FlashHead<float>& head, std::int64_t begin, std::int64_t end, float* scratch) {
  flash::run_forward(head, begin, end, scratch);
}
void flash_forward(const FlashHead<std::uint16_t>& head, std::int64_t begin, std::int64_t end, float* scratch) {
  flash::run_forward(head, begin, end, scratch);
}

void flash_backward(const FlashHead<float>& head, float* scratch) {
  flash::run_backward(head, scratch);
}
void flash_backward(const FlashHead<std::uint16_t>& head, float* scratch) {
  flash::run_backward(head, scratch);
}

FlashPath best_flash_path() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return __builtin_cpu_supports("avx512bf16") ? FlashPath::kAvx512Bf16 : FlashPath::kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return FlashPath::kAvx2;
#endif
  return FlashPath::kPlain;
}

FlashPath flash_path() {
  return flash::chosen_path();
}

void set_flash_path(FlashPath path) {
  if (path > best_flash_path()) throw std::invalid_argument("flash attention: the processor lacks the instructions");
  flash::chosen_path() = path;
}

}  // namespace langzoo
