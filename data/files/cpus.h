/// How many CPUs the process may use: in a container and under taskset fewer than the machine has.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>

namespace langzoo {

/// The CPUs that the process may run on, and no more than its quota of time is worth, rounded up; at least 1. What a
/// number of threads is by default.
std::size_t available_cpus();

/// The least quota, in CPUs, of the process' cgroup and of those above it, version 1 or 2. `cgroup` and `mountinfo` are
/// files as Linux has them of each process (man 7 cgroups, man 5 proc). Nothing where there is no quota, or no such
/// file.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& cgroup = "/proc/self/cgroup",
                                       const std::filesystem::path& mountinfo = "/proc/self/mountinfo");

/// Version 2's cpu.max: "150000 100000" is 1.5. Nothing for "max 100000", and for what is neither.
std::optional<double> quota_of_cpu_max(std::string_view cpu_max);

/// Version 1's cpu.cfs_quota_us and cpu.cfs_period_us. Nothing for a quota of -1, and for what are no two numbers.
std::optional<double> quota_of_cfs(std::string_view quota_us, std::string_view period_us);

}  // namespace langzoo
