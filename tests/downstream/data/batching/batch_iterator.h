// The consumer's own data/batching/batch_iterator.h, a name langzoo has too: langzoo's headers must not pick it up, nor
// hide it.
#pragma once
inline constexpr int kConsumersOwnIterator = 42;
