"""Golden attention weights. Written with torch 2.13.0, transformers 5.23.0 and safetensors 0.8.0.

Usage: python make_attentions.py   (after make_gpt2.py and make_transformer.py, whose models it opens)

gpt/<variant>/attentions.safetensors           attentions (L,B,H,T,T) of golden.safetensors' ids
transformer/<variant>/attentions.safetensors   encoder_attentions, decoder_attentions and cross_attentions (L,B,H,T,S) of
                                               golden.safetensors' source and decoder_input

All in float64 from the float32 weights, kept as float32.
"""
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel, MarianMTModel

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"


def save(directory, named):
    stacked = {name: torch.stack(list(layers)).float().contiguous() for name, layers in named.items()}
    save_file(stacked, directory / "attentions.safetensors")


with torch.no_grad():
    for variant in ["tiny", "relu_inverse"]:
        directory = FIXTURES / "gpt" / variant
        model = GPT2LMHeadModel.from_pretrained(directory, attn_implementation="eager").double().eval()
        ids = load_file(directory / "golden.safetensors")["ids"]
        save(directory, {"attentions": model(ids, output_attentions=True).attentions})
    for variant in ["shared", "separate"]:
        directory = FIXTURES / "transformer" / variant
        model = MarianMTModel.from_pretrained(directory, attn_implementation="eager").double().eval()
        golden = load_file(directory / "golden.safetensors")
        mask = torch.arange(golden["source"].shape[1])[None] < golden["source_lengths"][:, None]
        out = model(input_ids=golden["source"], attention_mask=mask.long(), decoder_input_ids=golden["decoder_input"],
                    output_attentions=True)
        save(directory, {name: out[name] for name in ["encoder_attentions", "decoder_attentions", "cross_attentions"]})
