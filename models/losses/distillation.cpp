#include "models/losses/distillation.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/matmul.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

Tensor precise(const Tensor& x) {
  return x.to(at::promote_types(x.scalar_type(), torch::kFloat32));
}

/// N/M. `what`: "layers".
std::size_t stride(std::size_t student, std::size_t teacher, const char* what) {
  if (student == 0 || teacher % student != 0)
    throw std::invalid_argument(
        c10::str("distillation: a teacher of ", teacher, " layers has no ", what, " for each of ", student));
  return teacher / student;
}

}  // namespace

Tensor soft_divergence_sum(const Tensor& student, const Tensor& teacher, double temperature) {
  const auto q = at::log_softmax(precise(student) / temperature, -1);
  const auto p = at::log_softmax(precise(teacher) / temperature, -1);
  return at::kl_div(q, p, at::Reduction::Sum, /*log_target=*/true) * (temperature * temperature);
}

Tensor soft_cross_entropy_sum(const Tensor& student, const Tensor& teacher, double temperature) {
  const auto q = at::log_softmax(precise(student) / temperature, -1);
  return -(at::softmax(precise(teacher) / temperature, -1) * q).sum();
}

Tensor cosine_distance_sum(const Tensor& student, const Tensor& teacher) {
  constexpr double kEpsilon = 1e-12;  // of torch.nn.CosineEmbeddingLoss
  const auto x = precise(student), y = precise(teacher);
  const auto squared = [](const Tensor& z) { return z.square().sum(-1) + kEpsilon; };
  return (1 - (x * y).sum(-1) / (squared(x) * squared(y)).sqrt()).sum();
}

Tensor DistilBertLoss::operator()(const Tensor& student_logits, const Tensor& teacher_logits, const Tensor& labels,
                                  const Tensor& student_hidden, const Tensor& teacher_hidden) const {
  const auto mean = [](const Tensor& sum, const Tensor& rows) { return sum / std::max<std::int64_t>(1, rows.size(0)); };
  return soft * mean(soft_divergence_sum(student_logits, teacher_logits, temperature), student_logits) +
         masked_lm * mean(cross_entropy(student_logits, labels), labels) +
         cosine * mean(cosine_distance_sum(student_hidden, teacher_hidden), student_hidden);
}

Tensor attention_distance(const std::vector<Tensor>& student, const std::vector<Tensor>& teacher, const Tensor& mask) {
  const auto apart = stride(student.size(), teacher.size(), "attention");
  Tensor sum;
  for (std::size_t m = 0; m < student.size(); ++m) {
    const auto &s = student[m], &t = teacher[(m + 1) * apart - 1];
    if (s.sizes() != t.sizes())
      throw std::invalid_argument(c10::str("distillation: attention ", s.sizes(), " cannot learn from ", t.sizes(),
                                           ": student and teacher need as many heads"));
    auto difference = precise(s) - precise(t);
    if (mask.defined()) difference = difference.masked_fill((mask == 0).unsqueeze(1).unsqueeze(1), 0);
    const auto loss = difference.square().mean();
    sum = sum.defined() ? sum + loss : loss;
  }
  return sum;
}

Tensor hidden_distance(const std::vector<Tensor>& student, const std::vector<Tensor>& teacher, const Tensor& projection,
                       const Tensor& bias, const Tensor& mask) {
  if (student.empty() || teacher.empty()) throw std::invalid_argument("distillation: there are no hidden states");
  const auto apart = stride(student.size() - 1, teacher.size() - 1, "hidden states");
  Tensor sum;
  for (std::size_t m = 0; m < student.size(); ++m) {
    auto difference = precise(affine(student[m], projection, bias)) - precise(teacher[m * apart]);
    if (mask.defined()) difference = difference.index({mask != 0});  // (tokens,C)
    const auto loss = difference.square().mean();
    sum = sum.defined() ? sum + loss : loss;
  }
  return sum;
}

std::vector<std::int64_t> spread_layers(std::int64_t teacher, std::int64_t student) {
  if (student < 1 || student > teacher)
    throw std::invalid_argument(
        c10::str("distillation: ", student, " layers cannot begin as ", teacher, " of a teacher"));
  std::vector<std::int64_t> layers;
  const double apart = student == 1 ? 0 : static_cast<double>(teacher - 1) / static_cast<double>(student - 1);
  for (std::int64_t i = 0; i < student; ++i) layers.push_back(std::llround(static_cast<double>(i) * apart));
  return layers;
}

}  // namespace langzoo
