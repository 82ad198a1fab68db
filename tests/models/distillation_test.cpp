#include "tests/support/test.h"

#include "models/bert/bert.h"
#include "models/distilbert/distilbert.h"
#include "models/distillation.h"

namespace langzoo::test::init_from_teacher_test {
namespace {

using Catch::Matchers::Contains;

BertConfig teacher_config() {
  BertConfig config;
  config.vocab_size = 19;
  config.hidden_size = 6;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 2;
  config.intermediate_size = 7;
  config.max_position_embeddings = 12;
  config.initializer_range = 0.3;
  return config;
}

DistilBertConfig student_config(std::int64_t layers) {
  DistilBertConfig config;
  config.vocab_size = 19;
  config.dim = 6;
  config.n_layers = layers;
  config.n_heads = 2;
  config.hidden_dim = 7;
  config.max_position_embeddings = 12;
  return config;
}

}  // namespace

TEST_CASE("a student that begins with all of a teacher's layers is the teacher without segments") {
  torch::manual_seed(1);
  BertForMaskedLm teacher(teacher_config());
  DistilBertForMaskedLm student(student_config(3));
  init_from_teacher(*student, *teacher, {0, 1, 2});
  teacher->eval();
  student->eval();
  {
    const torch::NoGradGuard no_grad;
    teacher->base->embeddings->token_type_embeddings->weight.zero_();
  }
  const TokenInputs inputs{torch::randint(1, 19, {2, 5})};
  CHECK(max_difference(student->logits(inputs), teacher->logits(inputs)) < 1e-5);

  DistilBertForMaskedLm short_one(student_config(2));
  init_from_teacher(*short_one, *teacher, {0, 2});
  CHECK(torch::equal(short_one->base->layers[1]->outer->weight, teacher->base->layers[2]->outer->weight));
  CHECK_FALSE(short_one->base->layers[1]->outer->weight.is_alias_of(teacher->base->layers[2]->outer->weight));
}

TEST_CASE("a student that cannot begin as the teacher is refused") {
  BertModel teacher(teacher_config());
  DistilBertModel student(student_config(2));
  CHECK_THROWS_WITH(init_from_teacher(*student, *teacher, {0}), Contains("1 layers for a student of 2"));
  CHECK_THROWS_WITH(init_from_teacher(*student, *teacher, {0, 3}), Contains("no layer 3"));
  auto wide = student_config(2);
  wide.dim = 8;
  DistilBertModel other(wide);
  CHECK_THROWS_WITH(init_from_teacher(*other, *teacher, {0, 1}), Contains("cannot begin") && Contains("[19, 6]"));
}

}  // namespace langzoo::test::init_from_teacher_test
