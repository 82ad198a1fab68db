// The consumer's own data/batch.h: langzoo's headers must not pick it up, nor hide it.
#pragma once
inline constexpr int kConsumersOwnBatch = 42;
