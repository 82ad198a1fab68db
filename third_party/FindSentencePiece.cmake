# Finds the sentencepiece that third_party/setup.sh builds and defines langzoo::sentencepiece: static, position-independent,
# its symbols hidden, with its own protobuf-lite.
#
# Why not the system's: a shared libsentencepiece exports FLAGS_minloglevel and protobuf, as LibTorch's libc10 exports
# its own FLAGS_minloglevel of another size, and whichever is loaded second writes into the other's memory.
#
# Looked at, in order: LANGZOO_SENTENCEPIECE_ROOT (variable, then environment); build/sentencepiece.
if(TARGET langzoo::sentencepiece)
  return()
endif()

set(_hints ${LANGZOO_SENTENCEPIECE_ROOT} $ENV{LANGZOO_SENTENCEPIECE_ROOT} ${PROJECT_SOURCE_DIR}/build/sentencepiece)
find_path(SentencePiece_ROOT_DIR include/sentencepiece_model.pb.h PATHS ${_hints} NO_DEFAULT_PATH)
foreach(_lib sentencepiece sentencepiece_train)
  find_library(SentencePiece_${_lib}_LIBRARY lib${_lib}.a PATHS ${SentencePiece_ROOT_DIR}/lib NO_DEFAULT_PATH)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece
  REQUIRED_VARS SentencePiece_ROOT_DIR SentencePiece_sentencepiece_LIBRARY SentencePiece_sentencepiece_train_LIBRARY
  REASON_FAILURE_MESSAGE "run third_party/setup.sh, or set LANGZOO_SENTENCEPIECE_ROOT to what it built elsewhere")

if(SentencePiece_FOUND)
  set(SentencePiece_LIBRARIES ${SentencePiece_sentencepiece_train_LIBRARY} ${SentencePiece_sentencepiece_LIBRARY})
  add_library(langzoo::sentencepiece INTERFACE IMPORTED)
  target_include_directories(langzoo::sentencepiece SYSTEM INTERFACE ${SentencePiece_ROOT_DIR}/include)
  target_link_libraries(langzoo::sentencepiece INTERFACE ${SentencePiece_LIBRARIES} Threads::Threads)
endif()
