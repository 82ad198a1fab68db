#include "tests/support/fuzz_tokenizer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "tests/support/plain_test.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/post_processors/post_processor_sequence.h"
#include "tokenizers/post_processors/template_processing.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/stream_decoder.h"
#include "tokenizers/utf8.h"

namespace langzoo::test {

std::string random_text(const std::vector<std::string>& vocabulary, std::size_t size, FuzzRandom& random) {
  static const std::vector<std::string> kPieces = {" ",
                                                   "  ",
                                                   "\n",
                                                   "\r\n\t",
                                                   "the",
                                                   "It's",
                                                   "lamp.",
                                                   "1234",
                                                   "\u00A0",
                                                   "\u3000",
                                                   "\u2581",
                                                   "\u0301",
                                                   "\u0327",
                                                   "\u1100\u1161",
                                                   "\u11A8",
                                                   "\uAC00",
                                                   "\u202E",
                                                   "\uFE0F",
                                                   "\u200D",
                                                   "\U0001F469\u200D\U0001F467",
                                                   "\u6CB3",
                                                   "\u0130",
                                                   "\uFB03",
                                                   "\u00DF",
                                                   "\u05E9\u05C1",
                                                   std::string(1, '\0'),
                                                   "<s>",
                                                   "[MASK]",
                                                   "<0xE4>",
                                                   "##"};
  std::string text;
  while (text.size() < size) {
    switch (below(random, 8)) {
      case 0: {
        const char32_t c = static_cast<char32_t>(below(random, below(random, 2) == 0 ? 0x3000 : 0x110000));
        if (c < 0xD800 || c > 0xDFFF) append_utf8(text, c);
        break;
      }
      case 1:
        text += static_cast<char>(random());
        break;
      case 2: {  // a run of one piece: long words, many marks, much white space
        const std::string& piece = kPieces[below(random, kPieces.size())];
        for (std::size_t count = below(random, size / 2 + 1); count > 0 && text.size() < size; --count) text += piece;
        break;
      }
      case 3:
      case 4:
        if (!vocabulary.empty()) text += vocabulary[below(random, vocabulary.size())];
        break;
      default:
        text += kPieces[below(random, kPieces.size())];
    }
  }
  return text;
}

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

namespace {

/// Nothing where the text has no tokens, or truncation leaves no room.
std::optional<Encoding> try_encode(const Tokenizer& tokenizer, const TextPair& text, const EncodeOptions& options) {
  try {
    return text.pair ? tokenizer.encode_pair(text.text, *text.pair, options) : tokenizer.encode(text.text, options);
  } catch (const std::runtime_error&) {
  } catch (const std::invalid_argument&) {
  }
  return {};
}

void check(const Encoding& encoding, const TextPair& text, bool tokens) {
  const std::size_t size = encoding.size();
  for (const std::size_t other :
       {encoding.offsets.size(), encoding.type_ids.size(), encoding.word_ids.size(), encoding.sequence_ids.size(),
        encoding.special_tokens_mask.size(), encoding.attention_mask.size(), tokens ? encoding.tokens.size() : size}) {
    require(other == size, "arrays of different lengths");
  }
  for (std::size_t i = 0; i < size; ++i) {
    const Offset offset = encoding.offsets[i];
    const std::size_t end = encoding.sequence_ids[i] == 0   ? text.text.size()
                            : encoding.sequence_ids[i] == 1 ? text.pair.value_or("").size()
                                                            : 0;
    require(offset.begin <= offset.end && offset.end <= end, "an offset outside of the text");
  }
  for (const Encoding& window : encoding.overflowing) check(window, text, tokens);
}

bool same(const std::optional<Encoding>& a, const std::optional<Encoding>& b) {
  if (!a || !b) return !a && !b;
  return a->ids == b->ids && a->offsets == b->offsets && a->type_ids == b->type_ids && a->word_ids == b->word_ids &&
         a->special_tokens_mask == b->special_tokens_mask;
}

/// The fast path's ids, on any number of threads, are those of the encoding.
void check_ids(const Tokenizer& tokenizer, const std::string& text) {
  const auto encoding = try_encode(tokenizer, {text, {}}, {.add_special_tokens = false});
  if (!encoding || tokenizer.rules().truncation || tokenizer.rules().padding) return;
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  // Templates may repeat or leave out a text also without special tokens.
  require(tokenizer.rules().post_processor || ids == encoding->ids, "other ids by the fast path");
  const std::string_view texts[] = {text, "", text};
  const auto batch = tokenizer.encode_batch(texts, 2);
  require(batch[0] == ids && batch[2] == ids, "other ids on two threads");

  StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const TokenId id : ids) streamed += stream.put(id);
  streamed += stream.flush();
  require(is_valid_utf8(streamed), "streamed text is not UTF-8");
  tokenizer.decode(ids, /*skip_special_tokens=*/true);
}

/// Of which tokenizer.json cannot say all: unknown characters spell themselves.
bool is_subword_nmt(const Tokenizer& tokenizer) {
  const auto* pipeline = dynamic_cast<const Pipeline*>(&tokenizer);
  const auto* bpe = pipeline ? dynamic_cast<const Bpe*>(pipeline->parts().model.get()) : nullptr;
  return bpe != nullptr && bpe->options().spells_unknown;
}

/// A template may have a text twice, which truncation, here as in Python, does not reckon with.
bool may_repeat_texts(const Tokenizer& tokenizer) {
  const PostProcessor* const post = tokenizer.rules().post_processor.get();
  return dynamic_cast<const TemplateProcessing*>(post) || dynamic_cast<const PostProcessorSequence*>(post);
}

void check_windows(const Tokenizer& tokenizer, const TextPair& pair, FuzzRandom& random) {
  Truncation truncation;
  truncation.max_length = below(random, 24);
  truncation.stride = below(random, truncation.max_length + 1);
  truncation.strategy = static_cast<Truncation::Strategy>(below(random, 3));
  truncation.side = below(random, 2) == 0 ? Side::Left : Side::Right;
  EncodeOptions options{.truncation = truncation, .tokens = true};
  if (below(random, 2) == 0) options.padding = Padding{.pad_to_multiple_of = below(random, 9)};
  const auto encoding = try_encode(tokenizer, pair, options);
  if (!encoding) return;
  check(*encoding, pair, true);
  const std::size_t most = truncation.max_length + (options.padding ? options.padding->pad_to_multiple_of : 0);
  require(encoding->size() <= std::max<std::size_t>(most, 1) || may_repeat_texts(tokenizer), "a window is too long");
  const TextPair pairs[] = {pair, {pair.text, {}}, pair};
  options.padding.reset();
  try {
    const auto batch = tokenizer.encode_batch(pairs, options, 2);
    require(batch[0].ids == batch[2].ids, "another encoding on two threads");
  } catch (const std::runtime_error&) {
  } catch (const std::invalid_argument&) {
  }
}

void check_sampling(const Tokenizer& tokenizer, const std::string& text, FuzzRandom& random) {
  SubwordSampling sampling{.bpe_dropout = static_cast<double>(below(random, 5)) / 4,
                           .unigram_alpha = static_cast<double>(below(random, 4)) / 2,
                           .state = random()};
  SubwordSampling again = sampling;
  const auto sampled = try_encode(tokenizer, {text, {}}, {.sampling = &sampling});
  if (sampled) check(*sampled, {text, {}}, false);
  require(same(sampled, try_encode(tokenizer, {text, {}}, {.sampling = &again})), "sampled otherwise from one state");
}

}  // namespace

void exercise(const Tokenizer& tokenizer, FuzzRandom& random) {
  std::vector<std::string> vocabulary;
  for (int i = 0; i < 16; ++i) {
    const auto id = static_cast<TokenId>(below(random, tokenizer.vocab_size()));
    try {
      vocabulary.push_back(tokenizer.id_to_token(id));
    } catch (const std::out_of_range&) {  // a gap
    }
  }
  std::vector<std::string> texts = {random_text(vocabulary, 40, random), random_text(vocabulary, 300, random), ""};
  if (below(random, 64) == 0) texts.push_back(random_text(vocabulary, 30000, random));
  for (const std::string& text : texts) {
    check_ids(tokenizer, text);
    if (const auto encoding = try_encode(tokenizer, {text, {}}, {.tokens = true})) check(*encoding, {text, {}}, true);
    check_sampling(tokenizer, text, random);
  }
  const std::string_view text = std::string_view(texts[1]).substr(0, 80);
  check_windows(tokenizer, {text, texts[0]}, random);
  check_windows(tokenizer, {texts[0], {}}, random);

  if (below(random, 8) != 0) return;  // files are what takes time
  if (is_subword_nmt(tokenizer)) return;
  const TempDir dir;
  std::unique_ptr<Tokenizer> loaded;
  try {
    tokenizer.save(dir.path());
    // In a folder a SentencePiece model is T5's or ALBERT's, by itself it is itself.
    const bool bare = dynamic_cast<const SentencePiece*>(&tokenizer) != nullptr;
    loaded = load_tokenizer(bare ? dir / "spiece.model" : dir.path());
  } catch (const std::exception& error) {
    throw std::logic_error(std::string("saved, but not loaded: ") + error.what());
  }
  require(loaded->special_tokens() == tokenizer.special_tokens(), "other special tokens when loaded again");
  for (const TextPair& pair : {TextPair{texts[1], {}}, TextPair{texts[0], text}}) {
    const EncodeOptions options{.tokens = true};
    require(same(try_encode(tokenizer, pair, options), try_encode(*loaded, pair, options)),
            "another encoding when loaded again");
  }
}

}  // namespace langzoo::test
