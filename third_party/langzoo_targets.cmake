# How every langzoo target is made: one language standard, one set of flags, two precompiled headers.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_library(langzoo_flags INTERFACE)
target_compile_features(langzoo_flags INTERFACE cxx_std_20)
# -fPIC for programs too: a precompiled header is reusable only under identical flags.
target_compile_options(langzoo_flags INTERFACE -fPIC -Wall -Wextra
  "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>" $<$<BOOL:${LANGZOO_WERROR}>:-Werror>)
# g++ 12 warns of designated initializers that rely on defaults, of std::optional members it cannot follow, and of
# overlapping copies in joined strings that cannot be (GCC bug 105651).
target_compile_options(langzoo_flags INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_include_directories(langzoo_flags INTERFACE ${PROJECT_SOURCE_DIR})

# LibTorch ships the headers of another fmt than the system's library: these come first, everywhere.
get_target_property(fmt_include_dir fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt)
file(CREATE_LINK ${fmt_include_dir}/fmt ${PROJECT_BINARY_DIR}/fmt/fmt SYMBOLIC)
target_include_directories(langzoo_flags INTERFACE ${PROJECT_BINARY_DIR}/fmt)

# Two precompiled headers for all libraries and programs: torch/torch.h costs a file 15-19 s without one and 2 s with it,
# nlohmann/json 4 s and 1 s, what everybody includes of std and fmt half a second and nothing.
set(common_headers <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp> <algorithm> <filesystem> <functional> <map>
  <memory> <optional> <set> <stdexcept> <string> <thread> <unordered_map> <vector>)
function(langzoo_pch name)
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/third_party/pch.cpp)
  target_link_libraries(${name} PRIVATE langzoo_flags ${ARGN})
endfunction()
langzoo_pch(langzoo_plain_pch)
target_precompile_headers(langzoo_plain_pch PRIVATE ${common_headers})
if(LANGZOO_TORCH)
  langzoo_pch(langzoo_torch_pch langzoo::libtorch)
  target_precompile_headers(langzoo_torch_pch PRIVATE <torch/torch.h> ${common_headers})
endif()

# langzoo_library(<name> [TORCH] SOURCES ... [PUBLIC libs] [PRIVATE libs]) makes langzoo_<name>, alias langzoo::<name>.
function(langzoo_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;PUBLIC;PRIVATE")
  set(target langzoo_${name})
  add_library(${target} ${arg_SOURCES})
  add_library(langzoo::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} DEFINE_SYMBOL "" INSTALL_RPATH "$ORIGIN"
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE $<BUILD_INTERFACE:langzoo_flags> ${arg_PRIVATE})
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC langzoo::libtorch)
    target_precompile_headers(${target} REUSE_FROM langzoo_torch_pch)
  else()
    target_precompile_headers(${target} REUSE_FROM langzoo_plain_pch)
  endif()
endfunction()
