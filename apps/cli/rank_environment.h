/// What the environment says of the processes that train together: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and
/// MASTER_PORT, as torchrun, langzoo-launch and Slurm scripts set them.
#pragma once

#include <functional>
#include <optional>

#include "apps/training/distributed/distributed.h"

namespace langzoo {

inline constexpr double kDefaultTimeout = 60;

/// Whether there are several.
bool has_ranks();
/// Nothing where this is the only process. `timeout` stands above LANGZOO_TIMEOUT. Throws UsageError naming the
/// variable that is missing or wrong.
std::optional<RendezvousOptions> rendezvous_from_environment(std::optional<double> timeout);
/// Whether whoever started this process has started it anew, after a failure.
bool is_restart();

/// `work` among the other ranks, whom it waits for at the end. An error is told as "rank R: ...", by one rank where all
/// know it, and ends the process at once: threads that wait for a lost rank would wait forever.
void as_rank(const RendezvousOptions& options, const std::function<void(Distributed& ranks)>& work);

}  // namespace langzoo
