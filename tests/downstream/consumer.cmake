# What the tests of the installed package share.

# Quick to build: neither optimised nor to be debugged.
set(quick -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nfailed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(build_consumer source binary)
  run(${CMAKE_COMMAND} -E env CMAKE_PREFIX_PATH=${WORK}/prefix:${LIBTORCH}
    ${CMAKE_COMMAND} -S ${source} -B ${binary} ${quick})
  run(${CMAKE_COMMAND} --build ${binary})
endfunction()
