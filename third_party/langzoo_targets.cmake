# How every langzoo target is made: one language standard, one set of flags, two precompiled headers.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
# Programs are not linked again when a shared library they use is.
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_library(langzoo_flags INTERFACE)
target_compile_features(langzoo_flags INTERFACE cxx_std_20)
# -fPIC for programs too: a precompiled header is reusable only under identical flags.
target_compile_options(langzoo_flags INTERFACE -fPIC -Wall -Wextra
  "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>" $<$<BOOL:${LANGZOO_WERROR}>:-Werror>)
# g++ 12 warns of designated initializers that rely on defaults, of std::optional members it cannot follow, and of
# overlapping or endless copies in joined strings that cannot be (GCC bug 105651).
target_compile_options(langzoo_flags INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
target_include_directories(langzoo_flags INTERFACE ${PROJECT_SOURCE_DIR})

# LibTorch ships the headers of another fmt than the system's library: these come first, everywhere.
get_target_property(fmt_include_dir fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt)
file(CREATE_LINK ${fmt_include_dir}/fmt ${PROJECT_BINARY_DIR}/fmt/fmt SYMBOLIC)
target_include_directories(langzoo_flags INTERFACE ${PROJECT_BINARY_DIR}/fmt)
# g++ takes a precompiled header under the same macros only, so that fmt's are defined everywhere.
get_target_property(fmt_definitions fmt::fmt INTERFACE_COMPILE_DEFINITIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND fmt_definitions)
  target_compile_definitions(langzoo_flags INTERFACE ${fmt_definitions})
endif()

# Two precompiled headers for all libraries and programs: what they use of LibTorch costs a file 15 s without one and half
# a second with it, nlohmann/json 4 s and 1 s, what everybody includes of std and fmt half a second and nothing.
set(common_headers <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp> <algorithm> <cmath> <filesystem> <fstream>
  <functional> <iostream> <map> <memory> <optional> <set> <stdexcept> <string> <thread> <unordered_map> <vector>)
function(langzoo_pch name)
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/third_party/pch.cpp)
  target_link_libraries(${name} PRIVATE langzoo_flags ${ARGN})
endfunction()
langzoo_pch(langzoo_plain_pch)
target_precompile_headers(langzoo_plain_pch PRIVATE ${common_headers})
if(LANGZOO_TORCH)
  langzoo_pch(langzoo_torch_pch langzoo::libtorch)
  target_precompile_headers(langzoo_torch_pch PRIVATE ${PROJECT_SOURCE_DIR}/third_party/torch.h ${common_headers})
endif()

# With CMAKE_UNITY_BUILD (the presets say where) files of one folder are compiled together, so many bytes of them: more
# than half of a file's time goes into what its neighbours need too. Batches of what is edited most take some 5 s. A batch
# is named after its folder, so that a new file leaves other folders alone.
function(langzoo_unity_batches target bytes)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
    file(SIZE ${path} size)
    cmake_path(GET path PARENT_PATH folder)
    math(EXPR bytes_${folder} "0${bytes_${folder}} + ${size}")
    math(EXPR batch_${folder} "0${batch_${folder}} + 0")
    if(bytes_${folder} GREATER bytes)
      math(EXPR batch_${folder} "${batch_${folder}} + 1")
      set(bytes_${folder} ${size})
    endif()
    cmake_path(GET folder FILENAME name)
    set_property(SOURCE ${source} PROPERTY UNITY_GROUP ${name}${batch_${folder}})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()

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
  langzoo_unity_batches(${target} 16000)
endfunction()
