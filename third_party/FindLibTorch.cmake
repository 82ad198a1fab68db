# Finds LibTorch (>= 2.11) and defines langzoo::libtorch.
#
# Why not find_package(Torch): with a CUDA build it demands a CUDA toolkit, it warns about kineto, and the paths it bakes
# into exported targets are those of the build machine. Headers and libraries are all that is needed here.
#
# Looked at, in order: LIBTORCH_ROOT; every entry of CMAKE_PREFIX_PATH (variable and environment), which may be the torch
# folder itself, the folder that holds it, `torch/share/cmake` (what torch.utils.cmake_prefix_path prints), or the root of
# a virtual environment; the private environment third_party/setup.sh makes under build/; the torch python3 would import.
if(TARGET langzoo::libtorch)
  return()
endif()

set(_prefixes ${LIBTORCH_ROOT} ${CMAKE_PREFIX_PATH})
if(DEFINED ENV{CMAKE_PREFIX_PATH})
  string(REPLACE ":" ";" _env_prefixes "$ENV{CMAKE_PREFIX_PATH}")
  list(APPEND _prefixes ${_env_prefixes})
endif()
set(_hints)
foreach(_p IN LISTS _prefixes ITEMS ${PROJECT_SOURCE_DIR}/build/libtorch-env)
  file(GLOB _site ${_p}/lib/python3*/site-packages/torch)
  list(APPEND _hints ${_p} ${_p}/torch ${_p}/../.. ${_site})
endforeach()

find_path(LibTorch_ROOT_DIR include/torch/csrc/api/include/torch/torch.h PATHS ${_hints} NO_DEFAULT_PATH)
if(NOT LibTorch_ROOT_DIR)
  find_program(LibTorch_PYTHON python3)
  if(LibTorch_PYTHON)
    execute_process(COMMAND ${LibTorch_PYTHON} -c
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE _python_torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_path(LibTorch_ROOT_DIR include/torch/csrc/api/include/torch/torch.h PATHS "${_python_torch}" NO_DEFAULT_PATH)
  endif()
endif()
foreach(_lib c10 torch_cpu torch)
  find_library(LibTorch_${_lib}_LIBRARY ${_lib} PATHS ${LibTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
endforeach()
if(LibTorch_ROOT_DIR)
  file(STRINGS ${LibTorch_ROOT_DIR}/include/torch/headeronly/version.h _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9;]" "" _v "${_v}")
  list(JOIN _v "." LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT_DIR LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "set CMAKE_PREFIX_PATH to a LibTorch >= 2.11, or run third_party/setup.sh")

if(LibTorch_FOUND)
  add_library(langzoo::libtorch INTERFACE IMPORTED)
  target_include_directories(langzoo::libtorch SYSTEM INTERFACE
    ${LibTorch_ROOT_DIR}/include ${LibTorch_ROOT_DIR}/include/torch/csrc/api/include)
  target_compile_features(langzoo::libtorch INTERFACE cxx_std_20)
  # CUDA libraries register themselves when loaded: keep them although nothing refers to them.
  set(_libs ${LibTorch_torch_LIBRARY} ${LibTorch_torch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
  foreach(_cuda torch_cuda c10_cuda)
    find_library(LibTorch_${_cuda}_LIBRARY ${_cuda} PATHS ${LibTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
    if(LibTorch_${_cuda}_LIBRARY)
      list(APPEND _libs ${LibTorch_${_cuda}_LIBRARY})
    endif()
  endforeach()
  list(JOIN _libs "," _joined)
  target_link_libraries(langzoo::libtorch INTERFACE "-Wl,--push-state,--no-as-needed,${_joined},--pop-state")
  target_link_options(langzoo::libtorch INTERFACE "-Wl,-rpath,${LibTorch_ROOT_DIR}/lib")
endif()
