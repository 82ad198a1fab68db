/// What a student learns from a teacher besides, or instead of, the truth: its distributions, its hidden states, its
/// attention. Nothing reaches the teacher: its tensors must be made without gradients, or be detached.
///
/// Papers: Hinton et al. 2015, https://arxiv.org/abs/1503.02531; DistilBERT, https://arxiv.org/abs/1910.01108;
/// TinyBERT, https://arxiv.org/abs/1909.10351.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// The divergence KL(teacher || student) of the distributions at `temperature` (its logits divided by it), times
/// temperature^2, which keeps the gradient's size, summed over the rows. Shapes: student, teacher (N,V) -> scalar.
torch::Tensor soft_divergence_sum(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

/// The cross-entropy to the teacher's distribution at `temperature`, summed over the rows: TinyBERT's prediction loss.
/// Its gradient is the divergence's but for temperature^2. Shapes: student, teacher (N,V) -> scalar.
torch::Tensor soft_cross_entropy_sum(const torch::Tensor& student, const torch::Tensor& teacher,
                                     double temperature = 1.0);

/// 1 - cos of the angle between rows, summed: DistilBERT's loss of last hidden states. Shapes: (N,C), (N,C) -> scalar.
torch::Tensor cosine_distance_sum(const torch::Tensor& student, const torch::Tensor& teacher);

/// DistilBERT's loss (section 3) with the weights of its published run.
struct DistilBertLoss {
  double soft = 5.0, masked_lm = 2.0, cosine = 1.0, temperature = 2.0;

  /// Parts are means: of the divergence over the rows of logits, of the distances over those of states.
  /// Shapes: student_logits, teacher_logits (N,V) of the hidden tokens, labels (N) int64; student_hidden,
  /// teacher_hidden (M,C) of all tokens -> scalar.
  torch::Tensor operator()(const torch::Tensor& student_logits, const torch::Tensor& teacher_logits,
                           const torch::Tensor& labels, const torch::Tensor& student_hidden,
                           const torch::Tensor& teacher_hidden) const;
};

/// TinyBERT's attention loss: the mean squared difference of the scores before the softmax, those of padded keys 0 in
/// both, summed over the student's layers. Student layer m of M (from 0) learns from the teacher's (m+1) N/M - 1 of N.
/// Throws std::invalid_argument unless M divides N and heads are as many.
/// Shapes: scores (B,H,T,T) a layer, mask (B,T), 0 on padding; undefined: no padding.
torch::Tensor attention_distance(const std::vector<torch::Tensor>& student, const std::vector<torch::Tensor>& teacher,
                                 const torch::Tensor& mask);

/// TinyBERT's hidden loss: the mean squared difference between the student's states times `projection`^T + bias and the
/// teacher's, summed over the embeddings and the layers; state m (0: the embeddings) learns from the teacher's m N/M.
/// With `mask`, the mean is over the tokens; the reference's is over padding too.
/// Shapes: states (B,T,c) of the student, M + 1, and (B,T,C) of the teacher, N + 1; projection (C,c), bias (C) or
/// undefined; mask (B,T) or undefined.
torch::Tensor hidden_distance(const std::vector<torch::Tensor>& student, const std::vector<torch::Tensor>& teacher,
                              const torch::Tensor& projection, const torch::Tensor& bias, const torch::Tensor& mask);

/// Layers of a teacher of `teacher` layers with which a student of `student` begins, evenly spread from its first to
/// its last: 0, 2, 4, 7, 9, 11 of DistilBERT's 12 (one layer: the first). Throws std::invalid_argument where there are
/// fewer than the student has.
std::vector<std::int64_t> spread_layers(std::int64_t teacher, std::int64_t student);

}  // namespace langzoo
