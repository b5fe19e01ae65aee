"""What the PyTorch worker says of anybody's port, and that any of its operations runs alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common import tensors
from common.errors import UsageError
from common.graph import Graph, Node
from common.job import Load, LookJob, ReplayJob, Unit

PORTS = Path(__file__).parent / "ports" / "awkward_torch.py"
RESNET = Load("torchvision.models:resnet18", {"num_classes": 10}, ((3, 64, 64),), "float64")
Arrays = dict[str, np.ndarray]
Look = Callable[..., tuple[Graph, Arrays]]
MISFIT = "        return self.fc(x)  # (N, 4), where it expects (N, 7)"
SUMS = 1e-12  # float64; measured: 2e-16 at most, where three or more gradients meet


def load(name: str, *inputs: tuple[int, ...], **more: Any) -> Load:
    return Load(f"{PORTS}:{name}", more.pop("arguments", {}), inputs, "float64", **more)


AWKWARD = load("Awkward", (3, 8, 6))
ALIASES = load("Aliases", (3, 4, 5))
STANDARDISED = load("Standardised", (3, 9, 9))
TRAINED = load("Trained", (3, 8, 6))
TWO = load("Two", (4,), (5, 8))


@pytest.fixture
def look(workers, tmp_path) -> Look:
    """Looks at a port, calibrated unless told otherwise."""

    def ask(load: Load, probe: Arrays | None = None, **more: Any) -> tuple[Graph, Arrays]:
        tensors.save(tmp_path / "probe", probe or drawn(load))
        more = {"calibrate": True, **more}
        job = LookJob(load, str(tmp_path / "probe"), str(tmp_path / "out"), **more)
        workers["torch"].ask(job)
        arrays, note = tensors.read(tmp_path / "out")
        return Graph.from_note(note), arrays

    return ask


@pytest.fixture
def look_back(look, tmp_path) -> Look:
    """Looks with a drawn gradient at each output, too."""

    def ask(load: Load, probe: Arrays | None = None, **more: Any) -> tuple[Graph, Arrays]:
        graph, arrays = look(load, probe, **more)
        shapes = {name: arrays[f"value:{value}"].shape for name, value in graph.outputs.items()}
        random = np.random.default_rng(1)
        reaching = {name: random.standard_normal(shape) for name, shape in shapes.items()}
        tensors.save(tmp_path / "reaching", reaching)
        return look(load, probe, gradients=str(tmp_path / "reaching"), **more)

    return ask


@pytest.fixture
def replay(workers, tmp_path) -> Callable[..., tuple[Arrays, dict[str, str]]]:
    """Runs units on the numbers of a look."""

    def ask(
        load: Load, units: list[Unit], arrays: Arrays, training: bool = False
    ) -> tuple[Arrays, dict[str, str]]:
        tensors.save(tmp_path / "source", arrays)
        out = tmp_path / "replayed"
        job = ReplayJob(load, tuple(units), str(tmp_path / "source"), str(out), training)
        done = workers["torch"].ask(job)
        return tensors.load(out), done["failed"]

    return ask


def drawn(load: Load) -> Arrays:
    random = np.random.default_rng(0)
    return {str(i): random.standard_normal((2, *shape)) for i, shape in enumerate(load.inputs)}


def alone(graph: Graph, arrays: Arrays) -> list[Unit]:
    """A unit for each node that reads anything, fed with all that it read."""
    return [
        Unit(
            node.name,
            (node.name,),
            {value: (f"value:{value}", ()) for value in node.reads},
            node.writes,
            {v: (f"gradient:{v}", ()) for v in node.writes if f"gradient:{v}" in arrays},
        )
        for node in graph.nodes
        if node.reads
    ]


def told(graph: Graph) -> list[tuple[Any, ...]]:
    return [(node.name, node.kind, node.reads, node.tensors, node.settings) for node in graph.nodes]


# ---- each node, run alone


@pytest.mark.parametrize(
    "load, training",
    [
        (RESNET, False),
        (RESNET, True),
        (AWKWARD, False),
        (ALIASES, False),
        (STANDARDISED, False),
        (TRAINED, True),
    ],
)
def test_every_node_alone_makes_what_it_made_and_gradients_add_up(
    look_back, replay, load, training
):
    graph, arrays = look_back(load, training=training)
    assert graph.unseen == []
    found, failed = replay(load, alone(graph, arrays), arrays, training)
    assert failed == {}
    sums: dict[str, Any] = {}
    for key, array in found.items():
        unit, _, what = key.partition("|")
        if what.startswith("gradient"):
            sums[what] = sums.get(what, 0) + array
        else:
            np.testing.assert_array_equal(array, arrays[what], err_msg=f"{unit}: {what}")
    ran = [node for node in graph.nodes if node.reads]
    made = {key.partition("|")[2] for key in found if "|value:" in key}
    assert made == {f"value:{value}" for node in ran for value in node.writes}
    # An output is reached from outside, too; what reads a tensor alone was not run.
    ends = {f"gradient:{value}" for value in graph.outputs.values()}
    ends |= {f"gradient-of:{t}" for n in graph.nodes if not n.reads for t in n.tensors.values()}
    checked = [key for key in arrays if key.startswith("gradient") and key not in ends]
    assert len(checked) > len(graph.nodes) / 2
    for key in checked:
        allowed = SUMS * np.abs(arrays[key]).max()
        np.testing.assert_allclose(sums[key], arrays[key], rtol=0, atol=allowed, err_msg=key)


def test_a_node_runs_on_other_numbers_in_other_axes(look, replay):
    graph, arrays = look(AWKWARD)
    assert node(graph, "fc").reads == ("dropout",)
    x = np.random.default_rng(2).standard_normal((96, 3))
    unit = Unit("u", ("dropout", "fc"), {"flatten": ("x", (("transpose", (1, 0)),))}, ("fc",), {})
    found, failed = replay(AWKWARD, [unit], {"x": x})
    assert failed == {}
    wanted = x.T @ arrays["tensor:fc.weight"].T + arrays["tensor:fc.bias"]
    np.testing.assert_allclose(found["u|value:fc"], wanted, rtol=1e-12, atol=1e-13)


def test_a_unit_that_cannot_run_is_named_and_does_not_end_the_others(look, replay):
    _, arrays = look(AWKWARD)
    good = Unit("good", ("fc",), {"dropout": ("value:dropout", ())}, ("fc",), {})
    hungry = Unit("hungry", ("add",), {"relu": ("value:relu", ())}, ("add",), {})
    missing = Unit("missing", ("nowhere",), {}, (), {})
    misfit = Unit("misfit", ("fc",), {"dropout": ("value:fc", ())}, ("fc",), {})
    found, failed = replay(AWKWARD, [hungry, missing, misfit, good], arrays)
    assert list(found) == ["good|value:fc"]
    assert sorted(failed) == ["hungry", "misfit", "missing"]
    assert "'body.1.0#2' is neither fed to this unit nor made in it" in failed["hungry"]
    assert "no node 'nowhere'" in failed["missing"]
    assert "'dropout' was fed (2, 5)" in failed["misfit"]


def test_a_replay_without_a_look_in_its_mode_is_refused(look, replay):
    _, arrays = look(AWKWARD)
    with pytest.raises(UsageError, match="needs a look at the same port, in the same mode"):
        replay(RESNET, [], arrays)
    with pytest.raises(UsageError, match="needs a look at the same port, in the same mode"):
        replay(load("Settings", (4, 11, 12)), [], arrays)


# ---- what a graph says


def test_names_reads_tensors_and_places_are_the_ports_own(look):
    graph, _ = look(AWKWARD)
    assert [(n.name, n.kind, n.reads, n.layer) for n in graph.nodes] == [
        ("conv1", "conv", ("input:0",), "conv1"),
        ("bn1", "batch_norm", ("conv1",), "bn1"),
        ("relu", "relu", ("bn1",), "relu"),
        ("body.0", "conv", ("relu",), "body.0"),
        ("body.1.0", "silu", ("body.0",), "body.1.0"),
        ("body.0#2", "conv", ("body.1.0",), "body.0"),
        ("body.1.0#2", "silu", ("body.0#2",), "body.1.0"),
        ("add", "add", ("body.1.0#2", "relu"), ""),
        ("relu#2", "relu", ("add",), "relu"),
        ("split", "split", ("relu#2",), ""),
        ("multiply", "multiply", ("split:0",), ""),
        ("subtract", "subtract", ("split:1",), ""),
        ("concat", "concat", ("split:1", "multiply", "subtract"), ""),
        ("slice", "slice", ("concat",), ""),
        ("multiply#2", "multiply", ("slice",), ""),
        ("pool", "max_pool", ("multiply#2",), "pool"),
        ("transpose", "transpose", ("pool",), ""),
        ("flatten", "flatten", ("transpose",), ""),
        ("dropout", "dropout", ("flatten",), ""),
        ("fc", "dense", ("dropout",), "fc"),
    ]
    assert node(graph, "bn1").tensors == {
        "scale": "bn1.weight", "shift": "bn1.bias",
        "mean": "bn1.running_mean", "var": "bn1.running_var",
    }  # fmt: skip
    assert node(graph, "multiply#2").tensors == {"operand1": "gamma"}
    line = PORTS.read_text().splitlines().index("        x += shortcut") + 1
    assert node(graph, "add").place == f"awkward_torch.py:{line}"
    assert graph.outputs == {"0": "fc"}
    assert graph.shapes["split:1"] == (4, 8, 6)
    assert graph.dtypes["fc"] == "float64"
    assert graph.channels == "first"
    assert graph.unseen == []
    assert graph.tensors["bn1.running_var"].statistic
    assert not graph.tensors["bn1.running_var"].trainable
    assert graph.tensors["gamma"].trainable
    assert graph.tensors["gamma"].shape == (8, 1, 1)
    assert not any("num_batches_tracked" in name for name in graph.tensors)


def test_settings_are_those_of_the_arguments_that_ran(look):
    graph, _ = look(load("Settings", (4, 11, 12)))
    assert [(n.kind, n.settings) for n in graph.nodes] == [
        ("conv", dict(channels=4, kernel=(3, 3), stride=(2, 1), padding=((1, 1), (0, 0)),
                      dilation=(1, 1), groups=2, bias=False)),
        ("pad", dict(sides=((2, 3), (0, 1)), mode="constant", value=1.5)),
        ("max_pool", dict(size=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), ceil=True,
                          dilation=(1, 1))),
        ("avg_pool", dict(size=(2, 1), stride=(1, 1), padding=((0, 0), (0, 0)), ceil=False,
                          count_border=False, divisor=None)),
        ("upsample", dict(size=(10, 12), mode="bilinear", align_corners=False, antialias=False)),
        ("leaky_relu", dict(slope=0.2)),
        ("relu", dict(slope=0.0, cut=6.0, threshold=0.0)),
        ("clip", dict(low=-2, high=2)),
        ("gelu", dict(approximate="tanh")),
        ("lrn", dict(size=4, alpha=0.00025, beta=0.75, k=1.0)),
        ("subtract", dict(operand=3, side="left")),
        ("divide", dict(operand=2, side="left")),
        ("subtract", dict(operand=1, side="right")),
        ("transpose", dict(axes=(0, 2, 3, 1))),
        ("layer_norm", dict(eps=1e-6, axes=(3,), shape=(4,))),
        ("transpose", dict(axes=(0, 3, 2, 1))),
        ("clip", dict(low=-1, high=None)),
        ("softmax", dict(axis=1)),
        ("global_avg_pool", dict(keepdims=False)),
    ]  # fmt: skip


def test_momentum_and_eps_are_read_from_the_call(look):
    graph, _ = look(AWKWARD)
    assert node(graph, "bn1").settings == dict(eps=1e-3, keep=1 - 0.01, axis=1)


def test_views_and_changes_in_place_are_followed_to_the_right_numbers(look):
    graph, arrays = look(ALIASES)
    x = arrays["value:input:0"]
    outputs = {name: arrays[f"value:{value}"] for name, value in graph.outputs.items()}
    z = x + 1
    z[:, :2] *= -2
    z[:, 0] += 1
    z += 0.5
    out = np.zeros((2, 60))
    out[:, ::2] = (6 * x).reshape(2, 60)[:, ::2]
    out[:, 1] = (6 * x[:, 1]).sum((1, 2))
    wanted = {"flat": (6 * x).reshape(2, 60), "out": out, "z": 2 * z, "rows": 6 * x[:, 1],
              "kept": np.exp(z)}  # fmt: skip
    assert sorted(outputs) == sorted(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-14, atol=1e-14, err_msg=name)
    # What was there before a change is what its node made, not what the memory holds now.
    np.testing.assert_array_equal(arrays["value:multiply"], 2 * x)
    np.testing.assert_array_equal(arrays["value:add"], x + 1)


def test_a_weight_made_on_the_way_is_a_value_and_a_tied_one_has_one_name(look):
    graph, _ = look(STANDARDISED)
    made = [n.name for n in graph.nodes if n.kind in ("subtract", "std", "divide")]
    assert made == ["subtract", "std", "divide"]
    assert node(graph, "conv").reads == ("input:0", "divide")
    assert node(graph, "conv").tensors == {"bias": "conv.bias"}
    assert node(graph, "head").tensors == node(graph, "tied").tensors == {"weight": "head.weight"}
    assert node(graph, "where").reads == ("gt", "conv", "multiply")
    assert graph.dtypes["gt"] == "bool"
    # "level" is no part of the state_dict, but was read; "unused" was not.
    assert list(graph.tensors) == ["level", "conv.weight", "conv.bias", "head.weight"]


def test_several_inputs_whole_numbers_and_nested_outputs(look):
    words = np.array([[1, 2, 3, 4], [5, 6, 7, 9]])
    x = np.random.default_rng(0).standard_normal((2, 5, 8))
    graph, arrays = look(TWO, {"0": words, "1": x})
    assert graph.dtypes["input:0"] == "int64"
    assert list(graph.outputs) == ["logits", "more.0", "more.1.top"]
    assert node(graph, "words").kind == "embedding"
    assert node(graph, "words").tensors == {"weight": "words.weight"}
    np.testing.assert_array_equal(
        arrays["value:words"], arrays["tensor:words.weight"][words], err_msg="embedding"
    )


def test_a_function_with_a_backward_of_its_own_is_one_node(look_back):
    graph, arrays = look_back(load("Quantised", (4,)))
    assert [(n.name, n.kind) for n in graph.nodes] == [("fc", "dense"), ("Passing", "Passing")]
    np.testing.assert_array_equal(arrays["gradient:fc"], arrays["gradient:Passing"])


def test_numbers_that_leave_for_numpy_are_listed_as_unseen(look):
    graph, _ = look(load("Escapes", (3,)))
    (line,) = graph.unseen
    assert "awkward_torch.py" in line
    assert "numpy takes numbers to where they cannot be followed" in line


# ---- what a look is given, and leaves behind


def test_given_tensors_are_used_and_the_next_look_begins_anew(look, tmp_path):
    _, before = look(AWKWARD)
    given = {"fc.bias": np.arange(5.0)}
    tensors.save(tmp_path / "given", given)
    _, arrays = look(AWKWARD, given=str(tmp_path / "given"))
    np.testing.assert_array_equal(arrays["tensor:fc.bias"], np.arange(5.0))
    change = arrays["value:fc"] - before["value:fc"]
    wanted = np.broadcast_to(np.arange(5.0) - before["tensor:fc.bias"], (2, 5))
    np.testing.assert_allclose(change, wanted, rtol=1e-12, atol=1e-12)
    _, after = look(AWKWARD)
    np.testing.assert_array_equal(after["tensor:fc.bias"], before["tensor:fc.bias"])
    for name, array, said in [
        ("fc.bias", np.zeros(4), r"'fc.bias' is \(4,\) where the port has \(5,\)"),
        ("fc.gain", np.zeros(4), "the port has no tensor 'fc.gain'"),
    ]:
        tensors.save(tmp_path / "given", {name: array})
        with pytest.raises(UsageError, match=said):
            look(AWKWARD, given=str(tmp_path / "given"))


def test_training_moves_statistics_as_pytorch_defines_and_puts_them_back(look):
    _, arrays = look(TRAINED, training=True, calibrate=False)
    x = arrays["value:conv"]
    kept, new = 0.9 * arrays["tensor:bn.running_var"], 0.1 * x.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(arrays["statistic:bn.running_var"], kept + new, rtol=1e-12)
    x = arrays["value:input:0"]
    own = 0.1 * x.mean((0, 2, 3))  # by hand in the port, from zero
    np.testing.assert_allclose(arrays["statistic:own.running_mean"], own, rtol=1e-12)
    _, again = look(TRAINED, calibrate=False)
    np.testing.assert_array_equal(again["tensor:own.running_var"], np.ones(3))
    np.testing.assert_array_equal(again["tensor:bn.running_mean"], np.zeros(4))
    assert not any(key.startswith("statistic:") for key in again)


def test_calibration_sets_statistics_near_those_of_what_reaches_a_layer(look):
    _, arrays = look(RESNET)
    x = arrays["value:layer3.0.conv2"]
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    off = np.abs(arrays["tensor:layer3.0.bn2.running_mean"] - mean) / np.sqrt(var)
    assert 0 < off.max() < 0.5  # a tenth of a standard deviation, drawn 256 times
    ratio = arrays["tensor:layer3.0.bn2.running_var"] / var
    assert 0.5 <= ratio.min() < 0.7
    assert 1.3 < ratio.max() <= 1.5


def test_a_port_finds_what_lies_next_to_it_and_its_arguments(look, tmp_path):
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    text = "from torch import nn\nimport neighbour\n"
    text += "def net(bias): return nn.Linear(3, neighbour.WIDTH, bias=bias)\n"
    (tmp_path / "net.py").write_text(text)
    port = Load(f"{tmp_path / 'net.py'}:net", {"bias": False}, ((3,),), "float64")
    graph, _ = look(port)
    assert told(graph) == [
        ("dense", "dense", ("input:0",), {"weight": "weight"}, dict(features=4, bias=False))
    ]


# ---- weights of the user's own


def test_saved_weights_are_loaded_strictly(look, tmp_path):
    _, arrays = look(AWKWARD)
    state = {key[7:]: x + 1 for key, x in arrays.items() if key.startswith("tensor:")}
    path = tmp_path / "weights.safetensors"
    tensors.save(path, state)
    _, found = look(load("Awkward", (3, 8, 6), weights=str(path)), calibrate=False)
    for name, array in state.items():
        np.testing.assert_array_equal(found[f"tensor:{name}"], array, err_msg=name)
    state["fc.gain"] = state.pop("fc.bias")
    state["gamma"] = state["gamma"].reshape(8)
    path = tmp_path / "others.safetensors"
    tensors.save(path, state)
    with pytest.raises(UsageError) as raised:
        look(load("Awkward", (3, 8, 6), weights=str(path)))
    said = str(raised.value)
    assert "missing: fc.bias" in said
    assert "unexpected: fc.gain" in said
    assert "misshapen: gamma (8,) where the model has (8, 1, 1)" in said


def test_a_checkpoint_that_may_hold_code_is_loaded_where_it_is_trusted_alone(look, tmp_path):
    path = tmp_path / "checkpoint.pt"
    code = (
        "import fractions, sys, torch; layer = torch.nn.Linear(4, 4); "
        "layer.weight.data.fill_(2.5); layer.bias.data.fill_(0.5); "
        "state = {f'fc.{name}': x for name, x in layer.state_dict().items()}; "
        "torch.save({'state_dict': state, 'loss': fractions.Fraction(1, 3)}, sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    with pytest.raises(UsageError, match="holds more than tensors, which may be code"):
        look(load("Quantised", (4,), weights=str(path)))
    _, found = look(load("Quantised", (4,), weights=str(path), trust=True))
    np.testing.assert_array_equal(found["tensor:fc.weight"], np.full((4, 4), 2.5))


# ---- what a user is told


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        ("returns_none", {}, "returned None, expected a torch.nn.Module"),
        ("returns_array", {}, "returned a ndarray, expected a torch.nn.Module"),
        ("PORT_NUMBER", {}, "is a int, expected a callable"),
        ("raises", {}, "raised TypeError: "),
        ("raises", {"depth": 3}, "raises(depth=3) raised TypeError: raises() got an unexpected"),
        ("Misfit", {}, "mat1 and mat2 shapes cannot be multiplied (2x4 and 7x2)"),
    ],
)
def test_a_port_that_cannot_be_looked_at_is_one_clear_line(look, name, arguments, said):
    with pytest.raises(UsageError) as raised:
        look(load(name, (4,), arguments=arguments))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name, line", [("raises", '    return nn.Linear(width, "wide")'), ("Misfit", MISFIT)]
)
def test_what_a_port_raises_is_told_with_its_own_line(look, name, line):
    number = PORTS.read_text().splitlines().index(line) + 1
    with pytest.raises(UsageError, match=rf"awkward_torch\.py:{number}\)"):
        look(load(name, (4,)))


def node(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph.nodes if node.name == name]
    return found
