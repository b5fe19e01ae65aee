"""A layer of the spec as code, in either framework: what to write where a port has it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from common.spec import Layer, Shape, Spec, shapes

# These are not in a layer's settings but in how the model calls it, or hands it on.
CALLED = {
    "flatten-order", "layer-skipped", "layer-twice", "wrong-source", "batch-split", "concat-order",
    "add-order", "outputs-swapped", "gradient-detached", "double-softmax",
}  # fmt: skip


def fix(spec: Spec, name: str, cause: str, between: bool) -> dict[str, str] | None:
    """The right code for either side; `between`: the fault lies between two layers, in none."""
    if cause == "layer-extra":
        return {side: f"remove {attribute(name)}" for side in ("torch", "keras")}
    if name not in {layer.name for layer in spec.layers}:
        return None
    layer = spec[name]
    if cause == "frozen":
        held = attribute(name)
        return {"torch": f"{held}.requires_grad_(True)", "keras": f"{held}.trainable = True"}
    if cause in CALLED or between:
        return {side: call(spec, layer, side, cause) for side in ("torch", "keras")}
    sources = [shapes(spec)[name] for name in layer.reads]
    return {side: made(layer, sources, side) for side in ("torch", "keras")}


def attribute(path: str) -> str:
    """self.layer1[0].conv1 for layer1.0.conv1."""
    parts = [f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")]
    return "self" + "".join(parts)


def call(spec: Spec, layer: Layer, side: str, cause: str) -> str:
    """The layer's call on the outputs of its sources, which go by their own names."""
    if layer.name in spec.outputs and cause in ("outputs-swapped", "double-softmax", "clamped"):
        return f"return {', '.join(name.replace('.', '_') for name in spec.outputs)}"
    names = [name.replace(".", "_") for name in layer.reads]
    joined = ", ".join(names)
    if side == "keras" and len(names) > 1:
        joined = f"[{joined}]"
    code = f"{layer.name.replace('.', '_')} = {attribute(layer.name)}({joined})"
    if cause == "gradient-detached":
        return f"{code}  # without {'detach()' if side == 'torch' else 'stop_gradient'}"
    return code


def made(layer: Layer, sources: Sequence[Shape], side: str) -> str:
    """The layer's constructor, everything that differs by default written out."""
    return CODE[layer.op](layer.settings, sources, side == "torch")


Settings = Any


def conv(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    sides, (kernel, step, spread) = a["padding"], (a["kernel"], a["stride"], a["dilation"])
    more = optional(torch, a)
    if torch:
        first = f"nn.Conv2d({xs[0][0]}, {a['channels']}, {pair(kernel)}"
        if symmetric(sides):
            padding = (
                f", padding={pair(tuple(s[0] for s in sides))}" if any(sides[0] + sides[1]) else ""
            )
            return f"{first}{stepped('stride', step)}{padding}{more})"
        pad = f"nn.ZeroPad2d({torch_sides(sides)})"
        return f"nn.Sequential({pad}, {first}{stepped('stride', step)}{more}))"
    first = f"layers.Conv2D({a['channels']}, {pair(kernel)}{stepped('strides', step)}"
    reach = [d * (k - 1) for d, k in zip(spread, kernel, strict=True)]
    if not any(sides[0] + sides[1]):
        return f'{first}, padding="valid"{more})'
    if step == (1, 1) and all(s == (r // 2, r - r // 2) for s, r in zip(sides, reach, strict=True)):
        return f'{first}, padding="same"{more})'
    return f'layers.ZeroPadding2D({padding_pair(sides)}), then {first}, padding="valid"{more})'


def optional(torch: bool, a: Settings) -> str:
    """Dilation, groups and bias, where they are not both frameworks' default."""
    parts = []
    if a["dilation"] != (1, 1):
        parts.append(f"{'dilation' if torch else 'dilation_rate'}={pair(a['dilation'])}")
    if a["groups"] != 1:
        parts.append(f"groups={a['groups']}")
    if not a["bias"]:
        parts.append(f"{'bias' if torch else 'use_bias'}=False")
    return "".join(f", {part}" for part in parts)


def dense(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    bias = "" if a["bias"] else f", {'bias' if torch else 'use_bias'}=False"
    if torch:
        return f"nn.Linear({xs[0][0]}, {a['features']}{bias})"
    return f"layers.Dense({a['features']}{bias})"


def batch_norm(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    if torch:
        kind = {3: "BatchNorm2d", 4: "BatchNorm3d"}.get(len(xs[0]), "BatchNorm1d")
        values = f"eps={number(a['eps'])}, momentum={number(1 - a['keep'])}"
        return f"nn.{kind}({xs[0][0]}, {values})"
    return f"layers.BatchNormalization(epsilon={number(a['eps'])}, momentum={number(a['keep'])})"


def lrn(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    values = f"beta={number(a['beta'])}, k={number(a['k'])}"
    if torch:  # which divides alpha by the size
        alpha = number(a["alpha"] * a["size"])
        return f"nn.LocalResponseNorm({a['size']}, alpha={alpha}, {values})"
    return f"LocalResponseNorm({a['size']}, alpha={number(a['alpha'])}, {values}){ours(torch)}"


def max_pool(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    """PyTorch pads both sides alike, below every number; a layer in front pads otherwise."""
    size, step = pair(a["size"]), stepped("stride" if torch else "strides", a["stride"], a["size"])
    pads, zeros = a["padding"], a.get("fill", -inf) == 0 and any(sum(a["padding"], ()))
    ceil = ", ceil_mode=True" * a["ceil"]
    if torch and not zeros and symmetric(pads):
        return f"nn.MaxPool2d({size}{step}{torch_padding(pads)}{ceil})"
    if torch:
        below = "" if zeros else ', float("-inf")'
        pad = f"nn.{'ZeroPad2d' if zeros else 'ConstantPad2d'}({torch_sides(pads)}{below})"
        return f"nn.Sequential({pad}, nn.MaxPool2d({size}{step}{ceil}))"
    if zeros and not a["ceil"]:
        plain_pool = f'layers.MaxPooling2D({size}{step}, padding="valid")'
        return f"layers.ZeroPadding2D({padding_pair(pads)}), then {plain_pool}"
    if not any(pads[0] + pads[1]) and not a["ceil"]:
        return f'layers.MaxPooling2D({size}{step}, padding="valid")'
    more = f"padding={padding_pair(pads)}{', ceil=True' * a['ceil']}"
    return f"PaddedMaxPooling2D({size}{step}, {more}){ours(torch)}"


def avg_pool(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    size, step = pair(a["size"]), stepped("stride" if torch else "strides", a["stride"], a["size"])
    pads = a["padding"]
    padded = any(pads[0] + pads[1])
    if torch and symmetric(pads):
        counted = f", count_include_pad={a['count_border']}" if padded else ""
        ceil = ", ceil_mode=True" * a["ceil"]
        return f"nn.AvgPool2d({size}{step}{torch_padding(pads)}{ceil}{counted})"
    if torch and a["count_border"] and not a["ceil"]:
        return f"nn.Sequential(nn.ZeroPad2d({torch_sides(pads)}), nn.AvgPool2d({size}{step}))"
    around = [f"zeros around: {padding_pair(pads)}"] if padded else []
    around += ["rounded up"] if a["ceil"] else []
    around += ["zeros not counted"] if around and not a["count_border"] else []
    note = f"  # {', '.join(around)}" if around else ""
    if torch:
        return f"nn.AvgPool2d({size}{step}){note}"
    return f'layers.AveragePooling2D({size}{step}, padding="valid"){note}'


def torch_padding(pads: Settings) -> str:
    if not any(pads[0] + pads[1]):
        return ""
    return f", padding={pair((pads[0][0], pads[1][0]))}"


def torch_sides(pads: Settings) -> tuple[int, ...]:
    """Left, right, top, bottom, as PyTorch's padding layers take them."""
    (top, bottom), (left, right) = pads
    return left, right, top, bottom


def global_avg_pool(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    return "nn.AdaptiveAvgPool2d(1)" if torch else "layers.GlobalAveragePooling2D(keepdims=True)"


def adaptive_avg_pool(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    size = pair(a["size"])
    return f"nn.AdaptiveAvgPool2d({size})" if torch else f"layers.AdaptiveAveragePooling2D({size})"


def dropout(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    return f"{'nn' if torch else 'layers'}.Dropout({number(a['rate'])})"


def subsample(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    channels = f"{xs[0][0]}, " if torch else ""
    return f"Subsample({channels}{pair(a['size'])}){ours(torch)}"


def partial_conv(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    name = "PartialConv2d" if torch else "PartialConv2D"
    return f"{name}({xs[0][0]}, TABLE, {pair(a['kernel'])}){ours(torch)}"


def padded_shortcut(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    return f"PaddedShortcut({a['channels']}, {pair(a['stride'])}){ours(torch)}"


def ours(torch: bool) -> str:
    """Neither framework has it."""
    return f"  # of {'torch' if torch else 'tf'}_impl/layers.py"


def scaled_tanh(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    tanh = "torch.tanh" if torch else "keras.ops.tanh"
    return f"{number(a['amplitude'])} * {tanh}({number(a['slope'])} * x)"


def rbf(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    square = "(x[:, None, :] - codes).square().sum(dim=2)"
    return square if torch else "keras.ops.sum(keras.ops.square(x[:, None, :] - codes), axis=2)"


def relu(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    """With a cut above, as ReLU6 has it, where it is set."""
    if a.get("cut") == 6:
        return "nn.ReLU6()" if torch else "layers.ReLU(max_value=6)"
    return "nn.ReLU()" if torch else "layers.ReLU()"


def leaky_relu(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    slope = number(a["slope"])
    return f"nn.LeakyReLU({slope})" if torch else f"layers.LeakyReLU(negative_slope={slope})"


def layer_norm(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    eps = number(a["eps"])
    return f"nn.LayerNorm(..., eps={eps})" if torch else f"layers.LayerNormalization(epsilon={eps})"


def conv_transpose(a: Settings, xs: Sequence[Shape], torch: bool) -> str:
    """PyTorch cuts both sides alike and adds at the end; Keras' "valid" cuts nothing."""
    kernel, step, rank = a["kernel"], a["stride"], len(a["kernel"])
    if torch:
        cut = tuple(before for before, _ in a["padding"])
        more = tuple(before - after for before, after in a["padding"])
        if min(more) < 0:
            raise ValueError("PyTorch cuts no more at the end than in front")
        said = f"nn.ConvTranspose{rank}d({xs[0][0]}, {a['channels']}, {tuple(kernel)}"
        return f"{said}, stride={tuple(step)}, padding={cut}, output_padding={more})"
    said = f"layers.Conv{rank}DTranspose({a['channels']}, {tuple(kernel)}, strides={tuple(step)})"
    if min(min(sides) for sides in a["padding"]) < 0:
        raise ValueError("Keras cuts nothing off that is not there")
    return f"{said}, then layers.Cropping{rank}D({tuple(a['padding'])})"


def plain(torch_code: str, keras_code: str) -> Callable[[Settings, Sequence[Shape], bool], str]:
    """A layer without settings."""
    return lambda a, xs, torch: torch_code if torch else keras_code


CODE: dict[str, Callable[[Settings, Sequence[Shape], bool], str]] = {
    "conv": conv,
    "partial_conv": partial_conv,
    "dense": dense,
    "rbf": rbf,
    "batch_norm": batch_norm,
    "lrn": lrn,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "adaptive_avg_pool": adaptive_avg_pool,
    "global_avg_pool": global_avg_pool,
    "subsample": subsample,
    "padded_shortcut": padded_shortcut,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "conv_transpose": conv_transpose,
    "layer_norm": layer_norm,
    "sigmoid": plain("nn.Sigmoid()", 'layers.Activation("sigmoid")'),
    "tanh": plain("nn.Tanh()", 'layers.Activation("tanh")'),
    "scaled_tanh": scaled_tanh,
    "softmax": plain("nn.Softmax(dim=1)", "layers.Softmax(axis=-1)"),
    "dropout": dropout,
    "flatten": plain("nn.Flatten()", "layers.Flatten()"),
    "add": plain("a + b", "layers.Add()"),
    "concat": plain("torch.cat(xs, dim=1)", "layers.Concatenate(axis=-1)"),
}


def symmetric(sides: Settings) -> bool:
    return all(before == after for before, after in sides)


def stepped(word: str, step: tuple[int, int], default: tuple[int, int] = (1, 1)) -> str:
    return "" if step == default else f", {word}={pair(step)}"


def pair(values: Any) -> str:
    """3 for (3, 3)."""
    return str(values[0]) if values[0] == values[1] else str(tuple(values))


def padding_pair(sides: Settings) -> str:
    """1 for ((1, 1), (1, 1))."""
    return str(sides[0][0]) if sides[0] == sides[1] and symmetric(sides) else str(tuple(sides))


def number(value: float) -> str:
    """1e-5, not 1e-05; 0.1, not 0.09999999999999998."""
    return f"{value:.10g}".replace("e-0", "e-")
