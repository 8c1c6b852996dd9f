"""Writes a GGUF file of random weights: eyes for a model, too small to see anything.

A CLIP encoder of one layer for images of 28x28 pixels, whose four patches become as many tokens of the
language model: all that image input needs, in a few hundred kilobytes.
"""
import math
import random
import struct

PIXELS, PATCH, WIDTH, INNER = 28, 14, 16, 32
ALIGN = 32


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def typed(value):
    """A value behind the number of its type."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    items = [typed(item) for item in value]
    return struct.pack("<I", 9) + items[0][:4] + struct.pack("<Q", len(items)) + b"".join(item[4:] for item in items)


def write(path, fields, shapes):
    """fields: values by name; shapes: of tensors by name, filled with small numbers."""
    dice, infos, data = random.Random(1), b"", b""
    for name, shape in shapes.items():
        infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        count = math.prod(shape)
        data += struct.pack(f"<{count}f", *(dice.uniform(-0.1, 0.1) for _ in range(count)))
        data += bytes(-len(data) % ALIGN)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(fields))
    head += b"".join(text(name) + typed(value) for name, value in fields.items()) + infos
    path.write_bytes(head + bytes(-len(head) % ALIGN) + data)


def eyes(path, width):
    """Eyes for a language model whose embeddings are so wide."""
    vision = {
        "image_size": PIXELS, "patch_size": PATCH, "embedding_length": WIDTH, "feed_forward_length": INNER,
        "block_count": 1, "attention.head_count": 2, "attention.layer_norm_epsilon": 1e-6, "projection_dim": width,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip
    fields = {"general.architecture": "clip", "clip.has_vision_encoder": True, "clip.projector_type": "mlp", "clip.use_gelu": True}
    fields.update({"clip.vision." + name: value for name, value in vision.items()})
    shapes = {"v.patch_embd.weight": (PATCH, PATCH, 3, WIDTH), "v.class_embd": (WIDTH,)}
    shapes["v.position_embd.weight"] = (WIDTH, (PIXELS // PATCH) ** 2 + 1)
    layers = {"v.blk.0." + part: (WIDTH, WIDTH) for part in ("attn_q", "attn_k", "attn_v", "attn_out")}
    layers.update({"v.blk.0.ffn_up": (WIDTH, INNER), "v.blk.0.ffn_down": (INNER, WIDTH)})
    layers.update({"v.blk.0.ln1": (WIDTH,), "v.blk.0.ln2": (WIDTH,), "mm.0": (WIDTH, width), "mm.2": (width, width)})
    for name, shape in layers.items():
        shapes[name + ".weight"], shapes[name + ".bias"] = shape, shape[-1:]
    write(path, fields, shapes)
