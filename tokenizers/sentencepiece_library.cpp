#include "tokenizers/sentencepiece_library.h"

#include <mutex>

#include <sentencepiece_model.pb.h>
#include <sentencepiece_trainer.h>

namespace langzoo {

void silence_sentencepiece() {
  static std::once_flag once;
  std::call_once(once, [] {
    sentencepiece::TrainerSpec trainer;
    sentencepiece::NormalizerSpec normalizer, denormalizer;
    sentencepiece::SentencePieceTrainer::MergeSpecsFromArgs({{"minloglevel", "3"}}, &trainer, &normalizer,
                                                            &denormalizer)
        .IgnoreError();
  });
}

std::string message_of(const sentencepiece::util::Status& status) {
  const std::string message = status.message();
  const std::size_t place = message.find(") [");
  const std::size_t end = place == std::string::npos ? place : message.find("] ", place);
  return end == std::string::npos || end + 2 >= message.size() ? message : message.substr(end + 2);
}

}  // namespace langzoo
