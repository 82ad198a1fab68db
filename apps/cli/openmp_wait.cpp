#include "apps/cli/openmp_wait.h"

#include <unistd.h>

// libgomp reads its settings in its constructor, before main(); so it must find them in the environment by then. The
// program's pre-initialisers run before all constructors, the C library's included, which takes the environment from
// the array that the kernel made: setenv() there would be lost, but what is written into that array is not. As it has
// no room for one more entry, one that no library's constructor reads is lent to the setting, and given back before
// main().
namespace langzoo {
namespace {

constexpr const char* kMayBeLent[] = {"_=",    "OLDPWD=",   "SHLVL=", "PWD=",  "LOGNAME=", "USERNAME=", "SHELL=",
                                      "TERM=", "HOSTNAME=", "USER=",  "HOME=", "LANG=",    "PATH="};
constexpr const char* kOfTheUser[] = {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT="};

char* lent = nullptr;

// Neither the C library nor a sanitizer's run time is ready: no calls, no instrumentation.
#define LANGZOO_BEFORE_ALL __attribute__((no_sanitize("address", "undefined")))

LANGZOO_BEFORE_ALL bool begins_with(const char* text, const char* prefix) {
  while (*prefix != '\0' && *text == *prefix) ++text, ++prefix;
  return *prefix == '\0';
}

LANGZOO_BEFORE_ALL char** find(char** environment, const char* name) {
  for (; *environment != nullptr; ++environment) {
    if (begins_with(*environment, name)) return environment;
  }
  return nullptr;
}

LANGZOO_BEFORE_ALL void lend_entry(int, char**, char** environment) {
  for (const char* name : kOfTheUser) {
    if (find(environment, name) != nullptr) return;
  }
  for (const char* name : kMayBeLent) {
    if (char** const entry = find(environment, name)) {
      lent = *entry;
      *entry = const_cast<char*>(kSpinSetting);
      return;
    }
  }
}

/// The programs' other initialisers, which come later, see the environment as it was.
__attribute__((constructor(101))) void give_entry_back() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (*entry == kSpinSetting) *entry = lent;
  }
}

__attribute__((section(".preinit_array"), used)) void (*const before_all)(int, char**, char**) = lend_entry;

}  // namespace
}  // namespace langzoo
