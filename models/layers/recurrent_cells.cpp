#include "models/layers/recurrent_cells.h"

#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

LANGZOO_INLINE void lstm_forward(const float* __restrict x, const float* __restrict r, const float* __restrict c_before,
                                 float* __restrict saved, float* __restrict c, float* __restrict h,
                                 float* __restrict output, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float i = sigmoid_approx(x[j] + r[j]);
    const float f = sigmoid_approx(x[n + j] + r[n + j]);
    const float g = tanh_approx(x[2 * n + j] + r[2 * n + j]);
    const float o = sigmoid_approx(x[3 * n + j] + r[3 * n + j]);
    const float cell = f * c_before[j] + i * g;
    saved[j] = i;
    saved[n + j] = f;
    saved[2 * n + j] = g;
    saved[3 * n + j] = o;
    c[j] = cell;
    output[j] = h[j] = o * tanh_approx(cell);
  }
}
LANGZOO_VECTOR_CLONES void lstm_forward(const RecurrentForwardRow& row, std::int64_t n) {
  lstm_forward(row.x, row.r, row.c_before, row.saved, row.c, row.h, row.output, n);
}

LANGZOO_INLINE void gru_forward(const float* __restrict x, const float* __restrict r, const float* __restrict bias,
                                const float* __restrict h_before, float* __restrict saved, float* __restrict h,
                                float* __restrict output, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float reset = sigmoid_approx(x[j] + r[j] + bias[j]);
    const float keep = sigmoid_approx(x[n + j] + r[n + j] + bias[n + j]);
    const float recurrent = r[2 * n + j] + bias[2 * n + j];
    const float candidate = tanh_approx(x[2 * n + j] + reset * recurrent);
    saved[j] = reset;
    saved[n + j] = keep;
    saved[2 * n + j] = candidate;
    saved[3 * n + j] = recurrent;
    output[j] = h[j] = candidate + keep * (h_before[j] - candidate);
  }
}
LANGZOO_VECTOR_CLONES void gru_forward(const RecurrentForwardRow& row, std::int64_t n) {
  gru_forward(row.x, row.r, row.bias, row.h_before, row.saved, row.h, row.output, n);
}

template <bool kTanh>
LANGZOO_INLINE void rnn_forward(const float* __restrict x, const float* __restrict r, float* __restrict h,
                                float* __restrict output, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float sum = x[j] + r[j];
    output[j] = h[j] = kTanh ? tanh_approx(sum) : sum < 0.0f ? 0.0f : sum;
  }
}
LANGZOO_VECTOR_CLONES void tanh_forward(const RecurrentForwardRow& row, std::int64_t n) {
  rnn_forward<true>(row.x, row.r, row.h, row.output, n);
}
LANGZOO_VECTOR_CLONES void relu_forward(const RecurrentForwardRow& row, std::int64_t n) {
  rnn_forward<false>(row.x, row.r, row.h, row.output, n);
}

LANGZOO_INLINE void lstm_backward(const float* __restrict saved, const float* __restrict c,
                                  const float* __restrict c_before, const float* __restrict through_product,
                                  const float* __restrict doutput, float* __restrict dx, float* __restrict dh,
                                  float* __restrict dc, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float i = saved[j], f = saved[n + j], g = saved[2 * n + j], o = saved[3 * n + j];
    const float squashed = tanh_approx(c[j]);
    const float h_grad = dh[j] + through_product[j] + doutput[j];
    const float c_grad = dc[j] + h_grad * o * (1.0f - squashed * squashed);
    dx[j] = c_grad * g * i * (1.0f - i);
    dx[n + j] = c_grad * c_before[j] * f * (1.0f - f);
    dx[2 * n + j] = c_grad * i * (1.0f - g * g);
    dx[3 * n + j] = h_grad * squashed * o * (1.0f - o);
    dc[j] = c_grad * f;
    dh[j] = 0.0f;
  }
}
LANGZOO_VECTOR_CLONES void lstm_backward(const RecurrentBackwardRow& row, std::int64_t n) {
  lstm_backward(row.saved, row.c, row.c_before, row.through_product, row.doutput, row.dx, row.dh, row.dc, n);
}

LANGZOO_INLINE void gru_backward(const float* __restrict saved, const float* __restrict h_before,
                                 const float* __restrict through_product, const float* __restrict doutput,
                                 float* __restrict dx, float* __restrict dr, float* __restrict dh, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float reset = saved[j], keep = saved[n + j], candidate = saved[2 * n + j], recurrent = saved[3 * n + j];
    const float h_grad = dh[j] + through_product[j] + doutput[j];
    const float dn = h_grad * (1.0f - keep) * (1.0f - candidate * candidate);
    const float dreset = dn * recurrent * reset * (1.0f - reset);
    const float dkeep = h_grad * (h_before[j] - candidate) * keep * (1.0f - keep);
    dx[j] = dr[j] = dreset;
    dx[n + j] = dr[n + j] = dkeep;
    dx[2 * n + j] = dn;
    dr[2 * n + j] = dn * reset;
    dh[j] = h_grad * keep;
  }
}
LANGZOO_VECTOR_CLONES void gru_backward(const RecurrentBackwardRow& row, std::int64_t n) {
  gru_backward(row.saved, row.h_before, row.through_product, row.doutput, row.dx, row.dr, row.dh, n);
}

template <bool kTanh>
LANGZOO_INLINE void rnn_backward(const float* __restrict h, const float* __restrict through_product,
                                 const float* __restrict doutput, float* __restrict dx, float* __restrict dh,
                                 std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    const float h_grad = dh[j] + through_product[j] + doutput[j];
    dx[j] = kTanh ? h_grad * (1.0f - h[j] * h[j]) : h[j] > 0.0f ? h_grad : 0.0f;
    dh[j] = 0.0f;
  }
}
LANGZOO_VECTOR_CLONES void tanh_backward(const RecurrentBackwardRow& row, std::int64_t n) {
  rnn_backward<true>(row.h, row.through_product, row.doutput, row.dx, row.dh, n);
}
LANGZOO_VECTOR_CLONES void relu_backward(const RecurrentBackwardRow& row, std::int64_t n) {
  rnn_backward<false>(row.h, row.through_product, row.doutput, row.dx, row.dh, n);
}

}  // namespace

RecurrentCellKernel recurrent_cell_kernel(RecurrentCell kind) {
  switch (kind) {
    case RecurrentCell::kLstm:
      return {lstm_forward, lstm_backward, 4, 4};
    case RecurrentCell::kGru:
      return {gru_forward, gru_backward, 3, 4};
    case RecurrentCell::kRnnTanh:
      return {tanh_forward, tanh_backward, 1, 0};
    case RecurrentCell::kRnnRelu:
      break;
  }
  return {relu_forward, relu_backward, 1, 0};
}

}  // namespace langzoo
