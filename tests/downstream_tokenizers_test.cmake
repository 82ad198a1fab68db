# Builds and installs langzoo without LibTorch (-DLANGZOO_TORCH=OFF), then builds and runs a consumer of its tokenizers.
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/downstream/consumer.cmake)

file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/consumer ${WORK}/trained)
run(${CMAKE_COMMAND} -S ${ROOT} -B ${WORK}/build ${quick} -DCMAKE_UNITY_BUILD=ON
  -DLANGZOO_SENTENCEPIECE_ROOT=${SENTENCEPIECE} -DLANGZOO_TORCH=OFF -DLANGZOO_BUILD_TESTS=OFF -DLANGZOO_BUILD_APPS=OFF)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_COMMAND} --install ${WORK}/build --prefix ${WORK}/prefix)
file(GLOB_RECURSE cmake_files ${WORK}/prefix/*.cmake)
foreach(file IN LISTS cmake_files)
  file(READ ${file} text)
  if(text MATCHES "libtorch")
    message(FATAL_ERROR "${file} asks for LibTorch")
  endif()
endforeach()

set(LIBTORCH "")
build_consumer(${ROOT}/tests/downstream/tokenizers_only ${WORK}/consumer)
run(${WORK}/consumer/tokenizers_only ${WORK}/trained)
message("${output}")
