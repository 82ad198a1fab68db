# Every dependency langzoo builds with; third_party/README.md says what each is for, setup.sh installs it.
find_package(Threads REQUIRED)
if(LANGZOO_TORCH)
  find_package(LibTorch 2.11 REQUIRED)
endif()
find_package(nlohmann_json 3.10 REQUIRED)
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.40)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
if(LANGZOO_TORCH)
  pkg_check_modules(PNG REQUIRED libpng>=1.6)
endif()
find_package(SentencePiece REQUIRED)
if(LANGZOO_TORCH)
  pkg_search_module(HDF5 hdf5-serial hdf5)  # without it no weights in HDF5 are read
  if(HDF5_FOUND)
    add_library(langzoo::hdf5 INTERFACE IMPORTED)  # its headers are one file's, and no flag of all
    target_link_libraries(langzoo::hdf5 INTERFACE ${HDF5_LINK_LIBRARIES})
  endif()
endif()
if(LibTorch_torch_cuda_LIBRARY)
  # c10d's header of NCCL asks for NCCL's own and for CUDA's, of a toolkit or of the packages that the wheel of LibTorch
  # came with. Without them ranks on GPUs exchange through the CPU.
  file(GLOB nccl_includes ${LibTorch_ROOT_DIR}/../nvidia/*/include $ENV{CUDA_HOME}/include /usr/local/cuda/include)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_LIBRARIES langzoo::libtorch)
  set(CMAKE_REQUIRED_INCLUDES ${nccl_includes})
  check_cxx_source_compiles("#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
int main() { return c10d::ProcessGroupNCCL::Options::create()->is_high_priority_stream; }" LANGZOO_HAS_NCCL)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_INCLUDES)
endif()
if(LANGZOO_BUILD_APPS)
  find_package(CLI11 REQUIRED)
endif()
if(LANGZOO_BUILD_TESTS)
  find_package(Catch2 2 REQUIRED)
  find_package(benchmark)  # without it the kernel benchmarks are left out
endif()
