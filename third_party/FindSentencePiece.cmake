# Finds the sentencepiece that third_party/setup.sh builds and defines langzoo::sentencepiece: static, position-independent,
# its symbols hidden, with its own protobuf-lite.
#
# Why not the system's: a shared libsentencepiece exports FLAGS_minloglevel and protobuf, as LibTorch's libc10 exports
# its own FLAGS_minloglevel of another size, and whichever is loaded second writes into the other's memory.
#
# Looked at, in order: LANGZOO_SENTENCEPIECE_ROOT (variable, then environment); build/sentencepiece. A build that was not
# made with sentencepiece.patch as it is here does not count.
if(TARGET langzoo::sentencepiece)
  return()
endif()

set(SentencePiece_ROOT_DIR "")
file(SHA256 ${CMAKE_CURRENT_LIST_DIR}/sentencepiece.patch _patch)
foreach(_root ${LANGZOO_SENTENCEPIECE_ROOT} $ENV{LANGZOO_SENTENCEPIECE_ROOT} ${PROJECT_SOURCE_DIR}/build/sentencepiece)
  if(EXISTS ${_root}/sentencepiece.patch)
    file(SHA256 ${_root}/sentencepiece.patch _built_with)
    if(_built_with STREQUAL _patch)
      set(SentencePiece_ROOT_DIR ${_root})
      break()
    endif()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece
  REQUIRED_VARS SentencePiece_ROOT_DIR
  REASON_FAILURE_MESSAGE "run third_party/setup.sh, or set LANGZOO_SENTENCEPIECE_ROOT to what it built elsewhere")

if(SentencePiece_FOUND)
  set(SentencePiece_LIBRARIES ${SentencePiece_ROOT_DIR}/lib/libsentencepiece_train.a
    ${SentencePiece_ROOT_DIR}/lib/libsentencepiece.a)
  add_library(langzoo::sentencepiece INTERFACE IMPORTED)
  target_include_directories(langzoo::sentencepiece SYSTEM INTERFACE ${SentencePiece_ROOT_DIR}/include)
  target_link_libraries(langzoo::sentencepiece INTERFACE ${SentencePiece_LIBRARIES} Threads::Threads)
endif()
