"""Golden models of the GPT line beside GPT-2's language model. Written with torch 2.13.0, transformers 5.23.0 and
safetensors 0.8.0.

Usage: python make_gpt_line.py [NAME ...]   (writes tests/fixtures/gpt_line/, or those named)

<name>/config.json, model.safetensors   a small random model as save_pretrained writes it
<name>/golden.safetensors               ids, mask (padding on the right), logits at the mask, loss, grad.<parameter>;
                                        of language models also greedy (ids after the first row); of DoubleHeads
                                        lm_logits and lm_loss
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import (GPT2Config, GPT2DoubleHeadsModel, GPT2ForQuestionAnswering, GPT2ForSequenceClassification,
                          GPT2ForTokenClassification, GPTNeoConfig, GPTNeoForCausalLM, GPTNeoForQuestionAnswering,
                          GPTNeoForSequenceClassification, GPTNeoForTokenClassification, OpenAIGPTConfig,
                          OpenAIGPTDoubleHeadsModel, OpenAIGPTForSequenceClassification, OpenAIGPTLMHeadModel)

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "gpt_line"
NEW_TOKENS = 12
GPT2 = dict(vocab_size=37, n_positions=24, n_embd=12, n_layer=2, n_head=3, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, summary_first_dropout=0.0, classifier_dropout=0.0, pad_token_id=0, bos_token_id=1,
            eos_token_id=1, initializer_range=0.3)
GPT1 = dict(vocab_size=37, n_positions=24, n_embd=12, n_layer=2, n_head=3, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, summary_first_dropout=0.0, pad_token_id=0, initializer_range=0.3)
NEO = dict(vocab_size=37, max_position_embeddings=32, hidden_size=12, num_layers=3, num_heads=3,
           attention_types=[[["global", "local"], 1], [["local"], 1]], window_size=4, classifier_dropout=0.0,
           pad_token_id=0, bos_token_id=1, eos_token_id=1, initializer_range=0.3)


def batch(seed, choices=None):
    torch.manual_seed(seed)
    shape = (3, 11) if choices is None else (2, choices, 9)
    ids = torch.randint(2, 37, shape)
    mask = torch.ones_like(ids)
    if choices is None:
        mask[1, 7:] = 0
        mask[2, 3:] = 0
    else:
        mask[0, 1, 6:] = 0
        mask[1, 0, 4:] = 0
    return ids * mask, mask


def make(name, cls, config, run):
    if ONLY and name not in ONLY:
        return
    torch.manual_seed(len(name))
    model = cls(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    directory = OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    golden, loss = run(model)
    loss.backward()
    golden |= {"loss": loss} | {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    save_file({k: v.detach().contiguous().clone() for k, v in golden.items()}, directory / "golden.safetensors")


def language_model(model):
    ids, _ = batch(1)
    ids = ids.masked_fill(ids == 0, 2)
    out = model(ids, labels=ids)
    greedy = model.generate(ids[:1], attention_mask=torch.ones_like(ids[:1]), do_sample=False, eos_token_id=None,
                            max_new_tokens=NEW_TOKENS, pad_token_id=0)[:, ids.shape[1]:]
    return {"ids": ids, "logits": out.logits, "greedy": greedy}, out.loss


def classifier(model):
    ids, mask = batch(2)
    out = model(ids, attention_mask=mask, labels=torch.tensor([1, 0, 2]))
    return {"ids": ids, "mask": mask, "logits": out.logits}, out.loss


def tagger(model):
    ids, mask = batch(3)
    labels = (ids % 4).masked_fill(mask == 0, -100)
    out = model(ids, attention_mask=mask, labels=labels)
    return {"ids": ids, "mask": mask, "labels": labels, "logits": out.logits}, out.loss


def answers(model):
    ids, mask = batch(4)
    if isinstance(model, GPTNeoForQuestionAnswering):  # its padding beyond the window sees nothing, which no two softmaxes agree on
        ids, mask = ids.masked_fill(ids == 0, 2), torch.ones_like(mask)
    out = model(ids, attention_mask=mask, start_positions=torch.tensor([2, 1, 0]), end_positions=torch.tensor([5, 4, 1]))
    return {"ids": ids, "mask": mask, "start": out.start_logits, "end": out.end_logits}, out.loss


def choices(model):
    ids, mask = batch(5, choices=2)
    rows, row_mask = ids.flatten(0, 1), mask.flatten(0, 1)
    last = mask.sum(-1) - 1
    if isinstance(model, GPT2DoubleHeadsModel):
        out = model(ids, attention_mask=mask, mc_token_ids=last, mc_labels=torch.tensor([1, 0]))
    else:
        out = model(ids, mc_token_ids=last, mc_labels=torch.tensor([1, 0]))
    # GPT-1's auxiliary loss: of each row the mean over its tokens, then summed over the rows.
    logits = out.logits.flatten(0, 1)
    lm = 0
    for row in range(len(rows)):
        n = int(row_mask[row].sum())
        lm = lm + torch.nn.functional.cross_entropy(logits[row, :n - 1], rows[row, 1:n])
    return {"ids": ids, "mask": mask, "logits": out.mc_logits, "lm_loss": lm}, out.mc_loss + 0.5 * lm / 4


ONLY = sys.argv[1:]
make("openai_gpt", OpenAIGPTLMHeadModel, OpenAIGPTConfig(**GPT1), language_model)
make("openai_gpt_relu", OpenAIGPTLMHeadModel, OpenAIGPTConfig(**GPT1 | dict(afn="relu")), language_model)
make("openai_gpt_classifier", OpenAIGPTForSequenceClassification, OpenAIGPTConfig(**GPT1, num_labels=3), classifier)
make("openai_gpt_choices", OpenAIGPTDoubleHeadsModel, OpenAIGPTConfig(**GPT1), choices)
make("gpt2_classifier", GPT2ForSequenceClassification, GPT2Config(**GPT2, num_labels=3), classifier)
make("gpt2_tagger", GPT2ForTokenClassification, GPT2Config(**GPT2, num_labels=4), tagger)
make("gpt2_answers", GPT2ForQuestionAnswering, GPT2Config(**GPT2), answers)
make("gpt2_choices", GPT2DoubleHeadsModel, GPT2Config(**GPT2), choices)
make("gpt_neo", GPTNeoForCausalLM, GPTNeoConfig(**NEO), language_model)
make("gpt_neo_classifier", GPTNeoForSequenceClassification, GPTNeoConfig(**NEO, num_labels=3), classifier)
make("gpt_neo_tagger", GPTNeoForTokenClassification, GPTNeoConfig(**NEO, num_labels=4), tagger)
make("gpt_neo_answers", GPTNeoForQuestionAnswering, GPTNeoConfig(**NEO), answers)
