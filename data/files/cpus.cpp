#include "data/files/cpus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// A hierarchy of cgroups: `root` is what `point` shows of it.
struct CgroupMount {
  bool version_2;
  std::string root;
  fs::path point;
};

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A positive whole number, white space at its ends aside.
std::optional<double> number(std::string_view text) {
  const auto first = text.find_first_not_of(" \n"), last = text.find_last_not_of(" \n");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, last - first + 1);
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value <= 0) return std::nullopt;
  return static_cast<double>(value);
}

bool lists(const std::string& names, const std::string& name) {
  return ("," + names + ",").find("," + name + ",") != std::string::npos;
}

/// mountinfo writes white space in octal: "\040".
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    const char* const digits = text.data() + i + 1;
    const bool escape =
        text[i] == '\\' && i + 3 < text.size() && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3;
    result += escape ? static_cast<char>(code) : text[i];
    if (escape) i += 3;
  }
  return result;
}

/// Of a line of mountinfo: "31 24 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu".
std::optional<CgroupMount> cgroup_mount(const std::string& line) {
  const auto dash = line.find(" - ");
  if (dash == std::string::npos) return std::nullopt;
  std::istringstream left(line.substr(0, dash)), right(line.substr(dash + 3));
  std::string id, parent, device, root, point, type, source, options;
  left >> id >> parent >> device >> root >> point;
  right >> type >> source >> options;
  const bool version_2 = type == "cgroup2";
  if (!version_2 && (type != "cgroup" || !lists(options, "cpu"))) return std::nullopt;
  return CgroupMount{version_2, unescaped(root), unescaped(point)};
}

/// The process' group in the hierarchy of a mount, by its lines "4:cpu,cpuacct:/user/me" or, of version 2,
/// "0::/user/me".
std::string group_in(const std::string& cgroup, bool version_2) {
  std::istringstream lines(cgroup);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (version_2 ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

/// Where the group's files are. One that the mount does not show, as a container's own namespace has it, is the
/// mount's.
fs::path directory_of(const CgroupMount& mount, std::string group) {
  if (mount.root != "/") {
    const bool below =
        group.starts_with(mount.root) && (group.size() == mount.root.size() || group[mount.root.size()] == '/');
    group = below ? group.substr(mount.root.size()) : "";
  }
  const auto relative = fs::path(group).relative_path().lexically_normal();
  const bool outside = relative.empty() || *relative.begin() == "..";
  return outside ? mount.point : mount.point / relative;
}

std::size_t cpus_of_affinity() {
#ifdef __linux__
  // The kernel refuses a set that is smaller than its own.
  for (std::size_t most = CPU_SETSIZE; most <= std::size_t{1} << 20; most *= 2) {
    cpu_set_t* const set = CPU_ALLOC(most);
    if (set == nullptr) break;
    const bool known = sched_getaffinity(0, CPU_ALLOC_SIZE(most), set) == 0;
    const auto count = known ? CPU_COUNT_S(CPU_ALLOC_SIZE(most), set) : 0;
    CPU_FREE(set);
    if (count > 0) return static_cast<std::size_t>(count);
  }
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

std::size_t available_cpus() {
  const auto cpus = cpus_of_affinity();
  const auto quota = cgroup_cpu_quota();
  if (!quota || *quota >= static_cast<double>(cpus)) return cpus;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(*quota)));
}

std::optional<double> cgroup_cpu_quota(const fs::path& cgroup, const fs::path& mountinfo) {
  std::optional<double> least;
  const auto groups = text_of(cgroup);
  std::istringstream mounts(text_of(mountinfo));
  for (std::string line; std::getline(mounts, line);) {
    const auto mount = cgroup_mount(line);
    if (!mount) continue;
    for (auto dir = directory_of(*mount, group_in(groups, mount->version_2));; dir = dir.parent_path()) {
      const auto quota = mount->version_2
                             ? quota_of_cpu_max(text_of(dir / "cpu.max"))
                             : quota_of_cfs(text_of(dir / "cpu.cfs_quota_us"), text_of(dir / "cpu.cfs_period_us"));
      if (quota && (!least || *quota < *least)) least = quota;
      if (dir == mount->point || !dir.has_relative_path()) break;
    }
  }
  return least;
}

std::optional<double> quota_of_cpu_max(std::string_view cpu_max) {
  const auto space = cpu_max.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return quota_of_cfs(cpu_max.substr(0, space), cpu_max.substr(space));
}

std::optional<double> quota_of_cfs(std::string_view quota_us, std::string_view period_us) {
  const auto quota = number(quota_us), period = number(period_us);
  if (!quota || !period) return std::nullopt;
  return *quota / *period;
}

}  // namespace langzoo
