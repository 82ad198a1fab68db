"""Golden models and outputs of BERT and its relatives. Written with torch 2.13.0, transformers 5.23.0 and safetensors
0.8.0.

Usage: python make_bert.py   (writes tests/fixtures/bert/, a file a family)

<family>.safetensors: small random models of every class that transformers has, each under its case: "CASE|" and
  weight|NAME           its parameters, under the names that save_pretrained writes; those of the model without a head
                        are the case "Model"'s where a case has none
  ids, types, mask, labels, sentence, starts, ends   what it was given, padded on the right
  logits, start, ...    what it gave; hidden and pooled of models without a head
  loss                  of the labels, as transformers computes it
  grad|NAME             of that loss
and "CASE|config", "CASE|architecture" as bytes. Relative positions, which transformers 5 has no longer, are computed by
the subclass below as version 4 did.
"""
import json
import math
import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.albert import modeling_albert
from transformers.models.bert import modeling_bert

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "bert"
SIZES = dict(vocab_size=19, hidden_size=6, num_hidden_layers=2, num_attention_heads=2, intermediate_size=7,
             max_position_embeddings=12, initializer_range=0.3, hidden_dropout_prob=0.0,
             attention_probs_dropout_prob=0.0, layer_norm_eps=1e-7)
DISTIL = dict(vocab_size=19, dim=6, n_layers=2, n_heads=2, hidden_dim=7, max_position_embeddings=12,
              initializer_range=0.3, dropout=0.0, attention_dropout=0.0, qa_dropout=0.0, seq_classif_dropout=0.0)
FAMILIES = {
    "bert": ("Bert", dict(SIZES)),
    "roberta": ("Roberta", dict(SIZES, pad_token_id=1, type_vocab_size=2)),
    "albert": ("Albert", dict(SIZES, embedding_size=4, classifier_dropout_prob=0.0)),
    "electra": ("Electra", dict(SIZES, embedding_size=4, summary_last_dropout=0.0)),
    "distilbert": ("DistilBert", dict(DISTIL)),
}
HEADS = ["Model", "ForPreTraining", "ForMaskedLM", "ForNextSentencePrediction", "ForSequenceClassification",
         "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice"]


class RelativeAttention(torch.nn.Module):
    """The self-attention of transformers 4 with position_embedding_type relative_key or relative_key_query."""

    def __init__(self, attention, config, kind):
        super().__init__()
        self.query, self.key, self.value = attention.query, attention.key, attention.value
        for name in ("dense", "LayerNorm"):  # ALBERT's attention holds these too
            if hasattr(attention, name):
                setattr(self, name, getattr(attention, name))
        self.heads, self.kind, self.most = config.num_attention_heads, kind, config.max_position_embeddings
        self.width = config.hidden_size // self.heads
        self.distance_embedding = torch.nn.Embedding(2 * self.most - 1, self.width)

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        def split(x):
            return x.view(*x.shape[:2], self.heads, self.width).permute(0, 2, 1, 3)

        q, k, v = split(self.query(hidden_states)), split(self.key(hidden_states)), split(self.value(hidden_states))
        scores = torch.matmul(q, k.transpose(-1, -2))
        length = hidden_states.shape[1]
        left, right = torch.arange(length).view(-1, 1), torch.arange(length).view(1, -1)
        distances = self.distance_embedding(left - right + self.most - 1)
        scores = scores + torch.einsum("bhld,lrd->bhlr", q, distances)
        if self.kind == "relative_key_query":
            scores = scores + torch.einsum("bhrd,lrd->bhlr", k, distances)
        scores = scores / math.sqrt(self.width)
        if attention_mask is not None:
            scores = scores + attention_mask
        context = torch.matmul(scores.softmax(-1), v).permute(0, 2, 1, 3).flatten(2)
        if hasattr(self, "dense"):
            context = self.LayerNorm(hidden_states + self.dense(context))
        return context, None


def make_relative(model, config, kind):
    for module in list(model.modules()):
        if isinstance(module, modeling_bert.BertAttention):
            module.self = RelativeAttention(module.self, config, kind)
        elif isinstance(module, modeling_albert.AlbertLayer):
            module.attention = RelativeAttention(module.attention, config, kind)
        elif type(module).__name__ in ("BertEmbeddings", "AlbertEmbeddings"):
            module.position_embeddings.weight.data.zero_()  # version 4 does not add them


def inputs_of(family, choices=0):
    rows = (3, choices) if choices else (3,)
    pad = 1 if family == "roberta" else 0
    ids = torch.randint(4, 19, (*rows, 9))
    mask = torch.ones_like(ids)
    mask[1, ..., 6:] = 0
    mask[2, ..., 2:] = 0
    if choices:
        mask[0, 1, 7:] = 0
    types = torch.zeros_like(ids)
    types[..., 4:] = 1
    return ids.masked_fill(mask == 0, pad), types * mask, mask


def run(family, prefix, settings, head, case, tensors, num_labels=2, problem=None, relative=None, own=False):
    name = prefix + head
    cls = getattr(transformers, name, None)
    if cls is None:
        return
    torch.manual_seed(len(tensors))
    config = getattr(transformers, prefix + "Config")(**settings, num_labels=num_labels, problem_type=problem)
    config._attn_implementation = "eager"
    model = cls(config).eval()
    if relative:
        make_relative(model, config, relative)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
        for n, p in model.named_parameters():
            if relative and n.endswith("position_embeddings.weight"):
                p.zero_()
            base = tensors.get("Model|weight|" + n.removeprefix(family + "."))
            if not own and base is not None:
                p.copy_(base)
    choices = 2 if head == "ForMultipleChoice" else 0
    ids, types, mask = inputs_of(family, choices)
    given = dict(input_ids=ids, attention_mask=mask)
    if family != "distilbert":
        given["token_type_ids"] = types
    kept = dict(ids=ids, types=types, mask=mask)
    labels = torch.randint(0, 19, ids.shape).masked_fill(torch.rand(ids.shape) < 0.5, -100).masked_fill(mask == 0, -100)
    sentence = torch.tensor([1, 0, 1])
    if head in ("ForMaskedLM", "ForPreTraining") and not (family == "electra" and head == "ForPreTraining"):
        kept["labels"] = labels
    if head == "ForPreTraining" and family == "bert":
        kept["sentence"] = given["next_sentence_label"] = sentence
    elif head == "ForPreTraining" and family == "albert":
        kept["sentence"] = given["sentence_order_label"] = sentence
    elif head == "ForPreTraining":
        kept["labels"] = torch.randint(0, 2, ids.shape)
    elif head == "ForNextSentencePrediction" or head == "ForMultipleChoice":
        kept["labels"] = sentence
    elif head == "ForSequenceClassification":
        kept["labels"] = {None: torch.tensor([2, 0, 1]), "multi_label_classification": torch.rand(3, num_labels).round(),
                          "regression": torch.randn(3, num_labels).squeeze(-1)}[problem]
    elif head == "ForTokenClassification":
        kept["labels"] = (labels % num_labels).masked_fill(labels == -100, -100)
    elif head == "ForQuestionAnswering":
        kept |= dict(starts=torch.tensor([4, 2, 30]), ends=torch.tensor([5, 3, -1]))
        given |= dict(start_positions=kept["starts"], end_positions=kept["ends"])
    if "labels" in kept:
        given["labels"] = kept["labels"]
    out = model(**given)
    result = dict(kept)
    names = {"logits": "logits", "prediction_logits": "logits", "start_logits": "start", "end_logits": "end",
             "seq_relationship_logits": "sentence_logits", "sop_logits": "sentence_logits",
             "last_hidden_state": "hidden", "pooler_output": "pooled"}
    for theirs, ours in names.items():
        value = getattr(out, theirs, None)
        if value is not None:
            result[ours] = value
    if head == "Model":
        loss = sum((value.square().sum(-1) * (mask if value.dim() == 3 else 1)).sum()
                   for value in (out.last_hidden_state, getattr(out, "pooler_output", None)) if value is not None)
    else:
        loss = out.loss
    loss.backward()
    result["loss"] = loss
    for n, p in model.named_parameters():
        if relative and n.endswith("position_embeddings.weight"):
            result["weight|" + n] = torch.randn_like(p)  # which nothing reads
            continue
        if own or "Model|weight|" + n.removeprefix(family + ".") not in tensors:
            result["weight|" + n] = p
        if p.grad is not None:
            result["grad|" + n] = p.grad
    settings_out = json.loads(config.to_json_string()) | dict(id2label={str(i): f"LABEL_{i}" for i in range(num_labels)},
                                                              problem_type=problem)
    if relative:
        settings_out["position_embedding_type"] = relative
    result["config"] = torch.frombuffer(bytearray(json.dumps(settings_out).encode()), dtype=torch.uint8)
    result["architecture"] = torch.frombuffer(bytearray(name.encode()), dtype=torch.uint8)
    tensors |= {f"{case}|{n}": v.detach().contiguous().clone() for n, v in result.items()}


OUT.mkdir(parents=True, exist_ok=True)
for family, (prefix, settings) in FAMILIES.items():
    tensors = {}
    for head in HEADS:
        labels = {"ForSequenceClassification": 3, "ForTokenClassification": 5}.get(head, 2)
        run(family, prefix, settings, head, head, tensors, labels)
    several = "multi_label_classification"
    run(family, prefix, settings, "ForSequenceClassification", "several", tensors, 4, several)
    run(family, prefix, settings, "ForSequenceClassification", "number", tensors, 1, "regression")
    run(family, prefix, dict(settings, tie_word_embeddings=False), "ForMaskedLM", "untied", tensors)
    if family in ("bert", "albert"):
        for kind in ("relative_key", "relative_key_query"):
            run(family, prefix, settings, "Model", kind, tensors, relative=kind, own=True)
    if family == "albert":
        groups = dict(settings, num_hidden_layers=3, num_hidden_groups=2, inner_group_num=2)
        run(family, prefix, groups, "Model", "groups", tensors, own=True)
    if family == "electra":
        run(family, prefix, dict(settings, embedding_size=6), "Model", "wide", tensors, own=True)
    save_file(tensors, OUT / f"{family}.safetensors")
