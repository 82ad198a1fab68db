# cmake --install: libraries, headers under include/langzoo/, and a package that finds LibTorch by itself.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/langzoo)

set(targets langzoo_files langzoo_tokenizers langzoo_metrics langzoo_ngram)
if(LANGZOO_TORCH)
  list(APPEND targets langzoo_knowledge langzoo_data langzoo_models langzoo_training langzoo)
endif()
install(TARGETS ${targets} EXPORT langzoo
  DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT langzoo NAMESPACE langzoo:: DESTINATION ${package_dir} FILE langzoo-targets.cmake)

# A static langzoo leaves sentencepiece to the program's link, a shared one carries it inside.
if(NOT BUILD_SHARED_LIBS)
  install(FILES ${SentencePiece_LIBRARIES} DESTINATION ${CMAKE_INSTALL_LIBDIR}/langzoo)
endif()
install(FILES ${SentencePiece_ROOT_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.sentencepiece)

# In the tree headers include each other from the root ("models/gpt/gpt.h"). Installed they say <langzoo/models/gpt/gpt.h>,
# so a consumer's own data/batch.h can never be taken for ours.
install(CODE "
  set(root \"${PROJECT_SOURCE_DIR}\")
  set(torch ${LANGZOO_TORCH})
  set(include_dir \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/langzoo\")
  include(\"${PROJECT_SOURCE_DIR}/third_party/install_headers.cmake\")")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/langzoo-config.cmake.in
  ${PROJECT_BINARY_DIR}/langzoo-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/langzoo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/langzoo-config.cmake ${PROJECT_BINARY_DIR}/langzoo-config-version.cmake
  DESTINATION ${package_dir})
if(LANGZOO_TORCH)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/FindLibTorch.cmake DESTINATION ${package_dir})
endif()
