/// The pipelines that Python's `transformers` makes of a sentencepiece .model for T5, ALBERT and XLM-RoBERTa: the
/// pieces as a Unigram model, the character map as a normalizer, words cut at white space; for Llama: the pieces as a
/// BPE model over the whole text. Special tokens are added; ids can differ from libsentencepiece's
/// (tokenizers/sentencepiece.h).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "tokenizers/pipeline.h"
#include "tokenizers/pre_tokenizers/metaspace_pre_tokenizer.h"

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

/// The names that XLMRobertaTokenizer gives to its special tokens.
struct XlmRobertaTokens {
  std::string bos = "<s>", pad = "<pad>", eos = "</s>", unk = "<unk>", mask = "<mask>";
};

/// XLMRobertaTokenizer: "<s> $A </s> </s> $B </s>", fairseq's ids: bos, pad, eos and unk in place of the first three
/// pieces, then the other pieces, then mask. Its own special tokens are not among the added tokens yet: how they stand
/// in a text, tokenizer_config.json says.
SentencePiecePipeline xlm_roberta_pipeline(std::string_view model, const std::filesystem::path& path,
                                           const XlmRobertaTokens& tokens = {}, bool add_prefix_space = true);

/// LlamaTokenizer: "▁" for spaces and, with `scheme`, in front of a text (`legacy`: Always, otherwise First); bytes for
/// characters that are no piece. It adds no tokens unless tokenizer_config.json says so.
SentencePiecePipeline llama_pipeline(std::string_view model, const std::filesystem::path& path, PrependScheme scheme);

/// What a .model is for a class that has no pipeline of its own (TokenizersBackend): "▁" for spaces, nothing in front
/// of the text, the character map as a normalizer; Unigram or BPE, as the model says.
SentencePiecePipeline plain_pipeline(std::string_view model, const std::filesystem::path& path);

}  // namespace langzoo
