# Every dependency langzoo builds with; third_party/README.md says what each is for, setup.sh installs it.
find_package(Threads REQUIRED)
if(LANGZOO_TORCH)
  find_package(LibTorch 2.11 REQUIRED)
endif()
find_package(nlohmann_json 3.10 REQUIRED)
# Header-only, because LibTorch ships headers of another fmt, which a library of the system's would not match.
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.40)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(SentencePiece REQUIRED)
if(LANGZOO_BUILD_APPS)
  find_package(CLI11 REQUIRED)
endif()
if(LANGZOO_BUILD_TESTS)
  find_package(Catch2 2 REQUIRED)
  find_package(benchmark)  # without it the kernel benchmarks are left out
endif()
