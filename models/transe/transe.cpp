#include "models/transe/transe.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// Rows of a table on the CPU in float32.
class Rows {
 public:
  explicit Rows(const Tensor& table) : width_(table.size(1)), data_(table.data_ptr<float>()) {}
  float* operator[](std::int64_t row) const { return data_ + row * width_; }
  std::int64_t width() const { return width_; }

 private:
  std::int64_t width_;
  float* data_;
};

double length_of(const float* x, std::int64_t width, std::int64_t norm) {
  double sum = 0;
  for (std::int64_t c = 0; c < width; ++c) sum += norm == 1 ? std::abs(x[c]) : static_cast<double>(x[c]) * x[c];
  return norm == 1 ? sum : std::sqrt(sum);
}

/// The distance and h + r - t.
double difference(const Rows& entities, const Rows& relations, const Triple& triple, std::int64_t norm, float* x) {
  const auto *h = entities[triple.head], *r = relations[triple.relation], *t = entities[triple.tail];
  for (std::int64_t c = 0; c < entities.width(); ++c) x[c] = h[c] + r[c] - t[c];
  return length_of(x, entities.width(), norm);
}

void scale_to_one(float* row, std::int64_t width) {
  const auto length = length_of(row, width, 2);
  if (length == 0) return;
  for (std::int64_t c = 0; c < width; ++c) row[c] = static_cast<float>(row[c] / length);
}

/// Gradients of some rows of a table.
class RowGradients {
 public:
  explicit RowGradients(std::int64_t width) : width_(width) {}

  float* operator[](std::int32_t row) {
    const auto [at, is_new] = at_.try_emplace(row, rows_.size());
    if (is_new) {
      rows_.push_back(row);
      values_.resize(values_.size() + static_cast<std::size_t>(width_), 0.F);
    }
    return values_.data() + static_cast<std::ptrdiff_t>(at->second) * width_;
  }
  void step(const Rows& table, double rate) const {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      auto* const row = table[rows_[i]];
      const auto* const gradient = values_.data() + static_cast<std::ptrdiff_t>(i) * width_;
      for (std::int64_t c = 0; c < width_; ++c) row[c] -= static_cast<float>(rate) * gradient[c];
    }
  }
  const std::vector<std::int32_t>& rows() const { return rows_; }

 private:
  std::int64_t width_;
  std::unordered_map<std::int32_t, std::size_t> at_;
  std::vector<std::int32_t> rows_;
  std::vector<float> values_;
};

}  // namespace

void TranseConfig::for_each_field(FieldVisitor& visit) {
  visit("entities", entities, {.help = "names of the entities, by id"});
  visit("relations", relations, {.help = "names of the relations, by id"});
  visit("num_triples", num_triples, {.least = 0, .most = 1 << 30, .help = "triples that it has learnt from"});
  visit("dim", dim, {.least = 1, .most = 1 << 16, .help = "width of the vectors"});
  visit("norm", norm, {.least = 1, .most = 2, .help = "of the distances: 1 (L1) or 2 (L2)"});
  visit("margin", margin,
        {.above = 0, .help = "by which wrong triples are to be farther from holding than right ones"});
}

void TranseConfig::validate() const {
  check_fields(*this, "transe config");
  for (const auto* const names : {&entities, &relations}) {
    const std::set<std::string_view> unique(names->begin(), names->end());
    if (unique.size() == names->size()) continue;
    throw std::invalid_argument(
        fmt::format("transe config: {}: a name comes twice", names == &entities ? "entities" : "relations"));
  }
}

const PretrainedTraits& TranseImpl::pretrained_traits() {
  static const PretrainedTraits traits{"transe", "TransE", ""};
  return traits;
}

TranseImpl::TranseImpl(const TranseConfig& config) : TaskModule(config) {
  config.validate();
  const auto table = [&](const std::vector<std::string>& names) {
    const auto rows = static_cast<std::int64_t>(names.size());
    return torch::nn::Embedding(
        torch::nn::EmbeddingOptions(rows, config.dim)._weight(torch::empty({rows, config.dim})));
  };
  entity_embeddings = register_module("entity_embeddings", table(config.entities));
  relation_embeddings = register_module("relation_embeddings", table(config.relations));
  triples = register_buffer("triples", torch::empty({config.num_triples, 3}, torch::kInt64));
  if (!SkipInit::active()) triples.zero_();
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const double bound = 6 / std::sqrt(static_cast<double>(config.dim));
  for (const auto& weight : {entity_embeddings->weight, relation_embeddings->weight}) weight.uniform_(-bound, bound);
  relation_embeddings->weight.div_(relation_embeddings->weight.norm(2, 1, true).clamp_min(1e-12));
  normalize_entities();
}

void TranseImpl::normalize_entities() {
  const torch::NoGradGuard no_grad;
  entity_embeddings->weight.div_(entity_embeddings->weight.norm(2, 1, true).clamp_min(1e-12));
}

Tensor TranseImpl::distances(const Tensor& given) const {
  const auto rows = [](const torch::nn::Embedding& table, const Tensor& ids) {
    return torch::embedding(table->weight, ids);
  };
  const auto x = rows(entity_embeddings, given.select(1, 0)) + rows(relation_embeddings, given.select(1, 1)) -
                 rows(entity_embeddings, given.select(1, 2));
  return config_.norm == 1 ? x.abs().sum(1) : x.norm(2, 1);
}

Tensor TranseImpl::loss_sum(const Tensor& right, const Tensor& wrong) const {
  return (config_.margin + distances(right) - distances(wrong)).relu().sum();
}

double TranseImpl::train_step(std::span<const Triple> right, std::span<const Triple> wrong, double learning_rate) {
  if (right.size() != wrong.size()) throw std::invalid_argument("TransE: as many wrong triples as right ones");
  const Rows entities(entity_embeddings->weight), relations(relation_embeddings->weight);
  const auto width = config_.dim, norm = config_.norm;
  RowGradients of_entities(width), of_relations(width);
  std::vector<float> x(static_cast<std::size_t>(width)), y(x), direction(x);
  double loss = 0;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto near = difference(entities, relations, right[i], norm, x.data());
    const auto far = difference(entities, relations, wrong[i], norm, y.data());
    const auto over = config_.margin + near - far;
    if (!(over > 0)) {
      if (std::isnan(over)) loss = over;
      continue;
    }
    loss += over;
    const auto add = [&](const Triple& triple, const std::vector<float>& d, double distance, float sign) {
      if (distance == 0) return;  // as autograd: no direction
      for (std::int64_t c = 0; c < width; ++c) {
        const auto at = d[static_cast<std::size_t>(c)];
        direction[static_cast<std::size_t>(c)] =
            sign * (norm == 1 ? static_cast<float>((at > 0) - (at < 0)) : at / static_cast<float>(distance));
      }
      const auto add_to = [&](float* gradient, float factor) {
        for (std::int64_t c = 0; c < width; ++c) gradient[c] += factor * direction[static_cast<std::size_t>(c)];
      };
      add_to(of_entities[triple.head], 1);
      add_to(of_relations[triple.relation], 1);
      add_to(of_entities[triple.tail], -1);
    };
    add(right[i], x, near, 1);
    add(wrong[i], y, far, -1);
  }
  of_entities.step(entities, learning_rate);
  of_relations.step(relations, learning_rate);
  for (const auto row : of_entities.rows()) scale_to_one(entities[row], width);
  return loss;
}

void TranseImpl::set_triples(std::span<const Triple> given) {
  const auto count = static_cast<std::int64_t>(given.size());
  if (count != config_.num_triples)
    throw std::invalid_argument(fmt::format("TransE of {} triples is given {}", config_.num_triples, count));
  auto table = torch::empty({count, 3}, torch::kInt64);
  auto* to = table.data_ptr<std::int64_t>();
  for (const auto& [head, relation, tail] : given) *to++ = head, *to++ = relation, *to++ = tail;
  triples.copy_(table);
  graph_.reset();
}

const KnowledgeGraph& TranseImpl::graph() const {
  if (graph_) return *graph_;
  const auto table = triples.cpu().contiguous();
  const auto* from = table.data_ptr<std::int64_t>();
  const auto id = [](std::int64_t value) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -1, std::numeric_limits<std::int32_t>::max()));
  };
  std::vector<Triple> ids;
  for (std::int64_t i = 0; i < table.size(0); ++i, from += 3) ids.push_back({id(from[0]), id(from[1]), id(from[2])});
  graph_ = std::make_shared<const KnowledgeGraph>(config_.entities, config_.relations, ids);
  return *graph_;
}

LinkRanks link_ranks(const TranseImpl& model, std::span<const Triple> triples, const KnowledgeGraph& known) {
  const Rows entities(model.entity_embeddings->weight), relations(model.relation_embeddings->weight);
  const auto width = entities.width(), norm = model.config().norm;
  const auto count = static_cast<std::int64_t>(model.config().entities.size());
  const auto of_relations = static_cast<std::int32_t>(known.relations().size());
  std::vector<double> distances(static_cast<std::size_t>(count));
  std::vector<float> x(static_cast<std::size_t>(width));
  // Of all entities in place of the tail, or of the head.
  const auto rank = [&](const Triple& triple, bool tail) {
    Triple tried = triple;
    auto& place = tail ? tried.tail : tried.head;
    const auto wanted = place;
    for (std::int64_t e = 0; e < count; ++e) {
      place = static_cast<std::int32_t>(e);
      distances[static_cast<std::size_t>(e)] = difference(entities, relations, tried, norm, x.data());
    }
    const auto own = distances[static_cast<std::size_t>(wanted)];
    const auto right =
        tail ? known.answers(triple.head, triple.relation) : known.answers(triple.tail, triple.relation + of_relations);
    for (const auto other : right) {
      if (other != wanted) distances[static_cast<std::size_t>(other)] = std::numeric_limits<double>::infinity();
    }
    std::int64_t nearer = 0, equal = 0;
    for (const auto distance : distances) nearer += distance < own, equal += distance == own;
    return static_cast<double>(nearer) + static_cast<double>(equal + 1) / 2;
  };
  LinkRanks ranks;
  for (const auto& triple : triples) {
    ranks.heads.push_back(rank(triple, false));
    ranks.tails.push_back(rank(triple, true));
  }
  return ranks;
}

double path_score(const TranseImpl& model, const GraphPath& path) {
  const auto width = model.config().dim;
  const auto of_relations = static_cast<std::int32_t>(model.config().relations.size());
  const auto* const entities = model.entity_embeddings->weight.data_ptr<float>();
  const auto* const relations = model.relation_embeddings->weight.data_ptr<float>();
  double score = 1;
  for (std::size_t i = 0; i < path.relations.size(); ++i) {
    const bool backwards = path.relations[i] >= of_relations;
    const auto* const h = entities + path.entities[i + (backwards ? 1 : 0)] * width;
    const auto* const t = entities + path.entities[i + (backwards ? 0 : 1)] * width;
    const auto* const r = relations + (path.relations[i] - (backwards ? of_relations : 0)) * width;
    double product = 0, of_r = 0, of_d = 0;
    for (std::int64_t c = 0; c < width; ++c) {
      const double d = static_cast<double>(t[c]) - h[c];
      product += r[c] * d, of_r += static_cast<double>(r[c]) * r[c], of_d += d * d;
    }
    const auto lengths = std::sqrt(of_r * of_d);
    score *= (1 + (lengths > 0 ? product / lengths : 0)) / 2;
  }
  return score;
}

}  // namespace langzoo
