#include "models/registry.h"

#include <algorithm>
#include <string>

#include <torch/torch.h>

#include "data/files/files.h"
#include "models/glove/glove.h"
#include "models/gpt/gpt.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/seq2seq/seq2seq.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace {

template <class Model>
std::shared_ptr<torch::nn::Module> load(const std::filesystem::path& dir, LoadReport* report,
                                        const PretrainedOptions& options) {
  return from_pretrained<Model>(dir, report, options).ptr();
}

// A new family adds one line.
constexpr Family kFamilies[] = {
    {"gpt2", "langzoo-gpt", "GPT-2, a decoder-only language model", load<Gpt2LmHeadModel>},
    {"seq2seq", "langzoo-seq2seq", "recurrent encoder-decoders", load<Seq2Seq>},
    {"word2vec", "langzoo-word2vec", "skip-gram and CBOW word vectors", load<Word2Vec>},
    {"ppmi-svd", "langzoo-word2vec", "count-based word vectors", load<PpmiSvd>},
    {"glove", "langzoo-word2vec", "GloVe word vectors", load<Glove>},
};

}  // namespace

std::span<const Family> families() {
  return kFamilies;
}

const Family& family_of(const std::filesystem::path& dir) {
  const std::string type = model_type_of(dir);
  const auto found = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                  [&](const Family& family) { return family.model_type == type; });
  if (found != std::end(kFamilies)) return *found;
  std::string known;
  for (const Family& family : kFamilies) known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  throw FileError(dir / "config.json", "model_type: is \"" + type + "\", known are " + known);
}

}  // namespace langzoo
