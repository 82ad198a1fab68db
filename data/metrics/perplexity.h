/// Perplexity and what is said in its place.
#pragma once

#include <cmath>

namespace langzoo {

/// exp(-1/N sum_i ln p(t_i | t_1 .. t_{i-1})) of N tokens whose -ln p sums to `nats`. Perplexities compare only where
/// the tokens are the same; per word and per byte the same text's do, whatever the tokens.
inline double perplexity(double nats, double tokens) {
  return std::exp(nats / tokens);
}

/// The same in bits: of N bytes, bits per byte.
inline double bits_per(double nats, double units) {
  return nats / units / std::log(2.0);
}

}  // namespace langzoo
