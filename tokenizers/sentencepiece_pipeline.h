/// The pipelines that Python's `transformers` makes of a sentencepiece .model for T5 and ALBERT: the pieces as a
/// Unigram model, the character map as a normalizer, words cut at white space. Special tokens are added; ids can differ
/// from libsentencepiece's (tokenizers/sentencepiece.h), which cuts the text as a whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "tokenizers/pipeline.h"

namespace langzoo {

struct SentencePiecePipeline {
  PipelineParts parts;  // special_tokens are those of the classes' usual names that the model has
  EncodingRules rules;
};

/// T5Tokenizer: `extra_ids` sentinels <extra_id_N> after the pieces, the last one first; "$A </s>". The piece 2 is the
/// unknown token, whatever the model says. `model` are the bytes of the file; FileError names `path` and what is wrong.
SentencePiecePipeline t5_pipeline(std::string_view model, const std::filesystem::path& path,
                                  std::size_t extra_ids = 100);

/// The keys of ALBERT's tokenizer_config.json.
struct AlbertNormalization {
  bool do_lower_case = true;
  bool keep_accents = false;
};

/// AlbertTokenizer: "[CLS] $A [SEP] $B [SEP]"; the piece 1 is the unknown token, whatever the model says.
SentencePiecePipeline albert_pipeline(std::string_view model, const std::filesystem::path& path,
                                      AlbertNormalization normalization = {});

}  // namespace langzoo
