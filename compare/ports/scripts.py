"""Two short scripts that run one part of each port on the same numbers, and compare what comes out.

They need the user's port, its own framework and NumPy; nothing of this program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import sub
from typing import Any
from zlib import crc32

from common.graph import Graph, Moves
from compare.ports.plan import Plan, Step

SCRIPTS = {"torch": "torch_layer.py", "keras": "keras_layer.py"}


@dataclass(frozen=True)
class Backward:
    """What is asked for on the way back: the gradient of a value that is read, or of a tensor."""

    value: str = ""
    tensor: str = ""
    moves: Moves = ()  # of the direction at the output, from PyTorch's axes to the port's
    makes: Moves = ()  # of the gradient, to PyTorch's axes


@dataclass(frozen=True)
class Script:
    """All that one script says."""

    side: str
    words: str  # what its docstring says
    port: str
    arguments: Mapping[str, Any]
    folders: tuple[str, ...]  # where the port's modules are found
    graph: Graph
    plan: Plan
    feeds: Mapping[str, tuple[str, Moves]]  # value -> key of input.npz, moves to the port's axes
    makes: Moves  # what takes the result to PyTorch's axes
    dtype: str
    training: bool
    batch: int
    backward: Backward | None = None

    def orders(self) -> Iterator[tuple[int, ...]]:
        """Orders of features that it needs."""
        back = (self.backward.moves, self.backward.makes) if self.backward else ()
        for moves in (*(moves for _, moves in self.feeds.values()), self.makes, *back):
            yield from (axes for word, axes in moves if word == "order")


def source(script: Script) -> str:
    """The script."""
    body = torch_lines(script) if script.side == "torch" else keras_lines(script)
    return "\n".join([f'"""{script.words}\n"""', "", *body, "", *ending(script.side), ""])


def torch_lines(s: Script) -> list[str]:
    plan, own = s.plan, f"torch.{s.dtype}"
    lines = ["import sys", "from importlib import import_module", "from pathlib import Path", "",
             "import numpy as np", "import torch", "", *opening(s),
             "torch.manual_seed(0)",
             f"torch.set_default_dtype({own})",
             f"model = {made(s)}.to({own}).{'train' if s.training else 'eval'}()",
             "torch.set_default_dtype(torch.float32)"]  # fmt: skip
    if plan.tensors:
        lines += [
            "",
            "held = {**dict(model.named_parameters()), **dict(model.named_buffers())}",
            "with torch.no_grad():  # the numbers that verify gave to it",
            '    for key in (key for key in given.files if key.startswith("torch:")):',
            '        held[key.removeprefix("torch:")].copy_(torch.from_numpy(given[key]))',
        ]
    lines.append("")
    wanted = s.backward.value if s.backward else ""
    for value, name in names(s).items():
        key, moves = s.feeds[value]
        array = moved(f'given["{key}"]', moves)
        cast = f".to(torch.{held_in(s, value)})"
        grad = ".requires_grad_()" if value == wanted else ""
        lines.append(f"{name} = torch.from_numpy({array}){cast}{grad}")
    lines += [line for step in plan.steps for line in ("", *torch_step(step, names(s)))]
    call = f"{plan.call.at}({form(s)}){plan.result}"
    lines.append(f"with torch.set_grad_enabled({s.backward is not None}):")
    lines.append(f"    {'' if plan.watched else 'y = '}{call}")
    lines += ['y = seen["y"]'] if plan.watched else []
    if s.backward:
        of = names(s).get(s.backward.value) or s.graph.tensors[s.backward.tensor].at
        to = moved('given["direction"]', s.backward.moves)
        lines.append(f"direction = torch.from_numpy({to}).to(y.dtype)")
        lines.append(f"(y,) = torch.autograd.grad(y, {of}, direction)  # what it hands back")
    lines.append(f"y = {moved('y.detach().double().numpy()', s.makes)}")
    return lines


def torch_step(step: Step, known: Mapping[str, str]) -> list[str]:
    """A hook on a layer."""
    hook, pre_hook = f"{step.at}.register_forward_hook", f"{step.at}.register_forward_pre_hook"
    match step.does:
        case "makes":
            return [MAKES, f"{hook}(lambda *_: {known[step.x]})"]
        case "reads":
            return [READS, f"{pre_hook}(lambda *_: ({known[step.x]},))"]
        case "watched":
            return ["seen = {}", f"{hook}(lambda module, args, y: seen.update(y=y))"]
    return ["seen = {}", f"{pre_hook}(lambda module, args: seen.update(y=args[0]))"]


MAKES = "# makes the recorded numbers, whatever it reads"
READS = "# reads the recorded numbers, whatever it is given"


def keras_lines(s: Script) -> list[str]:
    plan = s.plan
    lines = ["import os", "import sys", "from importlib import import_module",
             "from pathlib import Path", "", 'os.environ["KERAS_BACKEND"] = "tensorflow"',
             "import keras", "import numpy as np"]  # fmt: skip
    lines += ["import tensorflow as tf"] if s.backward else []
    lines += ["", *opening(s), "keras.utils.set_random_seed(0)",
              f'keras.config.set_floatx("{s.dtype}")',
              f'keras.config.set_dtype_policy("{s.dtype}")',
              'keras.config.set_image_data_format("channels_last")',
              f"model = {made(s)}"]  # fmt: skip
    root = next(c for c in s.graph.calls if c.at == "model" and not c.first)
    for i, value in enumerate(root.reads):
        shape = (s.batch, *s.graph.shapes[value])
        lines.append(f'x{i} = keras.ops.zeros({shape}, "{held_in(s, value)}")')
    lines.append(f"model({root.form})  # makes its tensors")
    for name in plan.tensors:
        lines.append(f'{s.graph.tensors[name].at}.assign(given["keras:{name}"])')
    lines.append("")
    for value, name in names(s).items():
        key, moves = s.feeds[value]
        array = moved(f'given["{key}"]', moves)
        lines.append(f'{name} = keras.ops.convert_to_tensor({array}, "{held_in(s, value)}")')
    lines += [line for step in plan.steps for line in ("", *keras_step(step, names(s)), "")]
    lines += [plan.call.first] if plan.call.first else []
    mode = "" if plan.call.at.endswith(".activation") else f", training={s.training}"
    call = f"{plan.call.at}({form(s)}{mode}){plan.result}"
    lines += keras_backward(s, call) if s.backward else keras_forward(s, call)
    numbers = 'keras.ops.convert_to_numpy(y).astype("float64")'
    lines.append(f"y = {moved(numbers, s.makes)}")
    return lines


def keras_forward(s: Script, call: str) -> list[str]:
    return [call, 'y = seen["y"]'] if s.plan.watched else [f"y = {call}"]


def keras_backward(s: Script, call: str) -> list[str]:
    assert s.backward is not None
    known = names(s).get(s.backward.value)
    of = known or f"{s.graph.tensors[s.backward.tensor].at}.value"
    to = moved('given["direction"]', s.backward.moves)
    return [
        "with tf.GradientTape() as tape:",
        f"    tape.watch({of})",
        *(f"    {line}" for line in keras_forward(s, call)),
        f"    loss = keras.ops.sum(y * keras.ops.cast({to}, y.dtype))",
        f"of = {of}",
        "y = tape.gradient(loss, of, unconnected_gradients=tf.UnconnectedGradients.ZERO)",
    ]


def keras_step(step: Step, known: Mapping[str, str]) -> list[str]:
    """Another `call` for a layer."""
    call = f"{step.at}.call"
    match step.does:
        case "makes":
            return [MAKES, f"{call} = lambda *args, **kwargs: {known[step.x]}"]
        case "reads":
            lines = [f"def reads(_, *args, own={call}, **kwargs):", f"    {READS}",
                     f"    return own({known[step.x]}, *args, **kwargs)"]  # fmt: skip
            return [*lines, "", f"{call} = reads"]
        case "watched":
            lines = [f"def watched(*args, own={call}, **kwargs):",
                     '    seen["y"] = own(*args, **kwargs)', '    return seen["y"]']  # fmt: skip
        case _:
            lines = [f"def watched(x, *args, own={call}, **kwargs):",
                     '    seen["y"] = x', "    return own(x, *args, **kwargs)"]  # fmt: skip
    return ["seen = {}", "", *lines, "", f"{call} = watched"]


def opening(s: Script) -> list[str]:
    """Where things are."""
    listed = ", ".join(f'"{folder}"' for folder in s.folders)
    return [f"sys.path[:0] = [{listed}]", "HERE = Path(__file__).parent",
            'given = np.load(HERE / "input.npz")', ""]  # fmt: skip


def made(s: Script) -> str:
    """The user's callable, called."""
    place, _, name = s.port.rpartition(":")
    module = Path(place).stem if place.endswith(".py") else place
    given = ", ".join(f"{key}={value!r}" for key, value in s.arguments.items())
    return f'import_module("{module}").{name}({given})'


def held_in(s: Script, value: str) -> str:
    """The dtype of a value; the graph is of float64."""
    return s.graph.dtypes[value].replace("float64", s.dtype)


def names(s: Script) -> dict[str, str]:
    """Value -> what it is called in the script: those of the call first, as in its form."""
    found: dict[str, str] = {}
    for value in (*s.plan.reads, *(step.x for step in s.plan.steps if step.x)):
        found.setdefault(value, f"x{len(found)}")
    return found


def form(s: Script) -> str:
    """The arguments of the call; a value that is given twice has one name here."""
    known = names(s)
    return sub(r"\bx(\d+)\b(?!=)", lambda x: known[s.plan.reads[int(x[1])]], s.plan.call.form)


def moved(array: str, moves: Moves) -> str:
    """An array after the moves, as Python."""
    for word, axes in moves:
        if word == "order":
            array += f'[..., given["{order_key(axes)}"]]'
        else:
            array += f".{word}({', '.join(map(str, axes))})"
    return array


def order_key(axes: Sequence[int]) -> str:
    """What an order of features, which may be long, is called in the file."""
    return f"order:{crc32(str(axes).encode()):08x}"


def ending(side: str) -> list[str]:
    """What it made, and how far apart the two are, once both have run."""
    other = "keras" if side == "torch" else "torch"
    return [
        f'print("{side} makes", y.shape, y.ravel()[:4], "max |.|", np.abs(y).max())',
        f'np.save(HERE / "{side}.npy", y)',
        f'if not (HERE / "{other}.npy").exists():',
        f'    print("now run {SCRIPTS[other]}")',
        "else:",
        '    due, made = np.load(HERE / "torch.npy"), np.load(HERE / "keras.npy")',
        "    if due.shape != made.shape:",
        '        print("torch makes", due.shape, "and keras", made.shape)',
        "    else:",
        "        apart = np.abs(made - due).max() / np.abs(due).max()",
        '        print(f"max |keras - torch| / max |torch| = {apart:.3e}")',
    ]
