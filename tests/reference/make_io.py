"""Golden files of tests/models/io: python make_io.py (writes ../fixtures/io).

Made with torch 2.13.0, safetensors 0.8.0, transformers 5.23.0. Every value is a small integer, so that the tests can say what they expect.
"""

import json
import pathlib
import shutil
import subprocess
from collections import OrderedDict

import torch
from safetensors.torch import save_file

out = pathlib.Path(__file__).parent.parent / "fixtures" / "io"
shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)


def numbers(*shape, dtype=torch.float32, start=0):
    count = 1
    for size in shape:
        count *= size
    return torch.arange(start, start + count).reshape(shape).to(dtype)


dtypes = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "f8_e4m3": torch.float8_e4m3fn,
    "f8_e5m2": torch.float8_e5m2, "u16": torch.uint16, "u32": torch.uint32, "u64": torch.uint64,
}
every = {f"x.{name}": numbers(3, 1, dtype=dtype) for name, dtype in dtypes.items()}
every["x.bool"] = torch.tensor([True, False, True])
every["scalar"] = torch.tensor(7.0)
every["empty"] = torch.zeros(0, 4)
every['quote"back\\slash\u00e9'] = numbers(2)
save_file(every, out / "every_dtype.safetensors", metadata={"format": "pt"})

sharded = out / "sharded"
sharded.mkdir()
shards = {
    "model-00001-of-00002.safetensors": {"a.weight": numbers(2, 3), "a.bias": numbers(2, start=10)},
    "model-00002-of-00002.safetensors": {"b.weight": numbers(3, 2, start=20)},
}
for name, tensors in shards.items():
    save_file(tensors, sharded / name, metadata={"format": "pt"})
weight_map = {tensor: name for name, tensors in shards.items() for tensor in tensors}
(sharded / "model.safetensors.index.json").write_text(
    json.dumps({"metadata": {"total_size": 56}, "weight_map": weight_map}, indent=2) + "\n")

binary = out / "bin"
binary.mkdir()
shared = numbers(4, 3)
state = OrderedDict()
state["wte.weight"] = shared
state["lm_head.weight"] = shared
state["slice"] = shared[1:3]
state["transposed"] = shared.t()
state["half"] = numbers(5, dtype=torch.bfloat16)
state["float16"] = numbers(5, dtype=torch.float16)
state["long"] = numbers(2, 2, dtype=torch.int64)
state["bool"] = torch.tensor([True, False])
state["parameter"] = torch.nn.Parameter(numbers(2))
state["scalar"] = torch.tensor(7.0, dtype=torch.float64)
state["empty"] = torch.zeros(0, 4)
state._metadata = {"": {"version": 1}}
torch.save(state, binary / "pytorch_model.bin")
torch.save(dict(state), out / "plain_dict.bin")
torch.save(state, out / "protocol4.bin", pickle_protocol=4)
torch.save({"model": {"w": numbers(2)}, "epoch": 3}, out / "nested.bin")
torch.save(state, out / "legacy.bin", _use_new_zipfile_serialization=False)


class Malicious:
    def __reduce__(self):
        return subprocess.check_output, (["touch", "owned"],)


torch.save({"w": numbers(2), "x": Malicious()}, out / "malicious.bin")

bin_sharded = out / "bin_sharded"
bin_sharded.mkdir()
torch.save(OrderedDict(a=numbers(2)), bin_sharded / "pytorch_model-00001-of-00002.bin")
torch.save(OrderedDict(b=numbers(3)), bin_sharded / "pytorch_model-00002-of-00002.bin")
(bin_sharded / "pytorch_model.bin.index.json").write_text(json.dumps({
    "metadata": {"total_size": 20},
    "weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}}) + "\n")
