#include "tests/support/plain_test.h"

#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include <fmt/format.h>

#include "data/files/cpus.h"

using namespace langzoo;
using namespace langzoo::test;
namespace fs = std::filesystem;

namespace {

/// A process' cgroups as Linux shows them, below a directory.
struct Cgroups {
  TempDir dir;
  std::string groups, mounts;

  void group(const std::string& line) { groups += line + "\n"; }
  /// Mounts `root` of a hierarchy at <dir>/`name`.
  void mount(const std::string& name, const std::string& root, const std::string& type, const std::string& options) {
    mounts += fmt::format("31 24 0:26 {} {} rw,nosuid,relatime shared:9 - {} cgroup rw{}\n", root,
                          (dir / name).string(), type, options);
  }
  void file(const std::string& name, const std::string& text) {
    fs::create_directories((dir / name).parent_path());
    write_file(dir / name, text);
  }
  std::optional<double> quota() {
    write_file(dir / "groups", groups);
    write_file(dir / "mounts", "24 1 8:1 / / rw,relatime - ext4 /dev/root rw\nshort\n" + mounts);
    return cgroup_cpu_quota(dir / "groups", dir / "mounts");
  }
};

}  // namespace

TEST_CASE("quotas are read in both spellings") {
  CHECK(quota_of_cpu_max("150000 100000\n") == 1.5);
  CHECK(quota_of_cpu_max("50000 100000") == 0.5);
  for (const std::string text : {"max 100000\n", "", "\n", "100000", "0 100000", "100000 0", "-1 100000", "a b",
                                 "100000 100000 100000", "99999999999999999999 1"}) {
    INFO(text);
    CHECK_FALSE(quota_of_cpu_max(text));
  }
  CHECK(quota_of_cfs("200000\n", "100000\n") == 2);
  for (const std::string text : {"-1\n", "0\n", "", "max"}) CHECK_FALSE(quota_of_cfs(text, "100000\n"));
  CHECK_FALSE(quota_of_cfs("200000\n", ""));
}

TEST_CASE("version 2: the least quota of a group and of those above it counts") {
  Cgroups cgroups;
  cgroups.group("0::/system.slice/train.service");
  cgroups.mount("cgroup", "/", "cgroup2", "");
  CHECK_FALSE(cgroups.quota());
  cgroups.file("cgroup/system.slice/train.service/cpu.max", "max 100000\n");
  CHECK_FALSE(cgroups.quota());
  cgroups.file("cgroup/system.slice/cpu.max", "250000 100000\n");
  CHECK(cgroups.quota() == 2.5);
  cgroups.file("cgroup/system.slice/train.service/cpu.max", "300000 100000\n");
  CHECK(cgroups.quota() == 2.5);
  cgroups.file("cgroup/system.slice/train.service/cpu.max", "50000 100000\n");
  CHECK(cgroups.quota() == 0.5);
  cgroups.file("cgroup/other.slice/cpu.max", "10000 100000\n");
  CHECK(cgroups.quota() == 0.5);
  cgroups.file("cpu.max", "10000 100000\n");  // above the mount: another's
  CHECK(cgroups.quota() == 0.5);
}

TEST_CASE("version 1: the hierarchy of the controller cpu counts") {
  Cgroups cgroups;
  cgroups.group("5:cpuset:/docker/abc");
  cgroups.group("4:cpu,cpuacct:/docker/abc");
  cgroups.group("0::/");
  cgroups.mount("cpuset", "/", "cgroup", ",cpuset");
  cgroups.mount("cpu,cpuacct", "/", "cgroup", ",cpu,cpuacct");
  cgroups.mount("unified", "/", "cgroup2", "");
  cgroups.file("cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  cgroups.file("cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
  cgroups.file("cpuset/docker/abc/cpu.cfs_period_us", "100000\n");
  cgroups.file("cpuset/docker/abc/cpu.cfs_quota_us", "100000\n");
  CHECK_FALSE(cgroups.quota());
  cgroups.file("cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "120000\n");
  CHECK(cgroups.quota() == 1.2);
}

TEST_CASE("a container sees its own group at the mount") {
  SECTION("the mount's root is the group") {
    Cgroups cgroups;
    cgroups.group("4:cpu:/docker/abc");
    cgroups.mount("cpu", "/docker/abc", "cgroup", ",cpu");
    cgroups.file("cpu/cpu.cfs_period_us", "100000\n");
    cgroups.file("cpu/cpu.cfs_quota_us", "300000\n");
    CHECK(cgroups.quota() == 3);
  }
  SECTION("the group is below the root") {
    Cgroups cgroups;
    cgroups.group("0::/docker/abc/inner");
    cgroups.mount("cgroup", "/docker/abc", "cgroup2", "");
    cgroups.file("cgroup/inner/cpu.max", "100000 100000\n");
    CHECK(cgroups.quota() == 1);
  }
  SECTION("the root is another group whose name begins the same, or the group is outside") {
    for (const std::string group : {"/docker/abcdef/inner", "/../../other", "/"}) {
      Cgroups cgroups;
      cgroups.group("0::" + group);
      cgroups.mount("cgroup", "/docker/abc", "cgroup2", "");
      cgroups.file("cgroup/cpu.max", "400000 100000\n");
      cgroups.file("cgroup/def/inner/cpu.max", "100000 100000\n");
      CHECK(cgroups.quota() == 4);
    }
  }
  SECTION("the mount point has a space") {
    Cgroups cgroups;
    cgroups.group("0::/");
    cgroups.mount("my\\040groups", "/", "cgroup2", "");
    cgroups.file("my groups/cpu.max", "150000 100000\n");
    CHECK(cgroups.quota() == 1.5);
  }
}

TEST_CASE("where there are no cgroups there is no quota") {
  const TempDir dir;
  CHECK_FALSE(cgroup_cpu_quota(dir / "none", dir / "none"));
  write_file(dir / "odd", "\n::\n - \n31 24 0:26\n - cgroup2 cgroup rw\n");
  CHECK_FALSE(cgroup_cpu_quota(dir / "odd", dir / "odd"));
}

TEST_CASE("the CPUs of the process are those of its affinity, or fewer") {
  const auto before = available_cpus();
  CHECK(before >= 1);
  CHECK(before <= std::max(1U, std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t all, one;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const auto restricted = available_cpus();
  REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
  CHECK(restricted == 1);
  CHECK(available_cpus() == before);
#endif
}
