# Run at install time: copies the public headers of ${root} into ${include_dir}, root-relative includes made absolute.
if(torch)
  set(folders tokenizers data models apps/training)
else()
  set(folders tokenizers data/files data/metrics models/ngram)
endif()
# Not for consumers: they need fmt or nlohmann/json, or another of these.
string(JOIN "|" internal json_field tokenizers/models/vocabulary tokenizer_config workspace_pool chunk_cache hash
  sentencepiece_library sentencepiece_encoder word_table word_vectors/text_lines search_rows option_check
  ngram_matcher text_edits edit_matrix row_sorter ngram_file backoff_trie)
foreach(folder IN LISTS folders)
  file(GLOB_RECURSE headers RELATIVE ${root} ${root}/${folder}/*.h)
  list(FILTER headers EXCLUDE REGEX "(${internal})[.]h$")
  foreach(header IN LISTS headers)
    file(READ ${root}/${header} text)
    string(REGEX REPLACE "#include \"((tokenizers|data|models|apps)/[^\"]*)\"" "#include <langzoo/\\1>" text "${text}")
    file(CONFIGURE OUTPUT ${include_dir}/${header} CONTENT "${text}" @ONLY)
  endforeach()
endforeach()
