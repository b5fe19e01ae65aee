"""Looking at a Keras port: everything that runs is seen, and every part can be run by itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common import tensors
from common.errors import UsageError, WorkerError
from common.graph import KINDS, Graph
from common.job import Load, LookJob, ReplayJob, Unit
from common.layout import to_nhwc

PORTS = Path(__file__).parent / "ports" / "graph_keras.py"
BOUND = 1e-12  # float64; measured: 0.0 throughout, the same kernels ran twice
SUMS = 1e-10  # float64, of gradients summed in another order; measured: 4e-15
Array = np.ndarray[Any, Any]


class Looked:
    """A port that was looked at, and the files that a replay reads."""

    def __init__(self, ask: Callable[..., Any], room: Path, load: Load, training: bool) -> None:
        self.ask, self.room, self.load, self.training = ask, room, load, training
        self.arrays, note = tensors.read(room / "look")
        self.graph = Graph.from_note(note)

    def replay(self, *units: Unit, source: Path | None = None) -> tuple[dict[str, Array], Any]:
        out = self.room / "replay"
        found = source or self.room / "look"
        job = ReplayJob(self.load, units, str(found), str(out), self.training)
        done = self.ask(job)
        return tensors.load(out), done["failed"]

    def every_node(self) -> tuple[dict[str, Array], Any]:
        """Each node by itself, on what it read and what reached it on the way back."""
        return self.replay(
            *(
                Unit(
                    node.name,
                    (node.name,),
                    {value: (f"value:{value}", ()) for value in node.reads},
                    node.writes,
                    {
                        value: (f"gradient:{value}", ())
                        for value in node.writes
                        if f"gradient:{value}" in self.arrays
                    },
                )
                for node in self.graph.nodes
            )
        )

    def summed(self, found: dict[str, Array], word: str) -> dict[str, Array]:
        """Over the units, of what they left under `word`."""
        total: dict[str, Array] = {}
        for key, array in found.items():
            _, _, rest = key.partition("|")
            if rest.startswith(word):
                name = rest.removeprefix(word)
                total[name] = total[name] + array if name in total else array
        return total


@pytest.fixture(scope="session")
def look(workers, tmp_path_factory) -> Callable[..., Looked]:
    """Looks at a port twice: to learn its names, and with drawn tensors and gradients."""
    numbers = itertools.count()

    def ask(
        port: str,
        *inputs: tuple[int, ...],
        training: bool = False,
        whole: bool = False,
        **arguments: Any,
    ) -> Looked:
        room = tmp_path_factory.mktemp(f"look{next(numbers)}")
        rng = np.random.default_rng(0)
        name = port if ":" in port else f"{PORTS}:{port}"
        load = Load(name, arguments, inputs, "float64")
        given = [
            rng.integers(0, 11, (2, *shape)) if whole else rng.standard_normal((2, *shape))
            for shape in inputs
        ]
        tensors.save(room / "probe", {str(i): x for i, x in enumerate(given)})
        first = LookJob(load, str(room / "probe"), str(room / "first"))
        workers["keras"].ask(first)
        arrays, note = tensors.read(room / "first")
        graph = Graph.from_note(note)
        tensors.save(room / "given", {n: drawn(rng, n, t.shape) for n, t in graph.tensors.items()})
        reaching = {
            output: rng.standard_normal(arrays[f"value:{value}"].shape)
            for output, value in graph.outputs.items()
        }
        tensors.save(room / "reaching", reaching)
        job = LookJob(
            load,
            str(room / "probe"),
            str(room / "look"),
            given=str(room / "given"),
            training=training,
            gradients=str(room / "reaching"),
        )
        workers["keras"].ask(job)
        return Looked(workers["keras"].ask, room, load, training)

    return ask


def drawn(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    if name.endswith(("gamma", "variance")):
        return rng.uniform(0.5, 1.5, shape)
    return rng.standard_normal(shape) * max(np.prod(shape[:-1]), 1) ** -0.5


def close(found: Array, expected: Array, bound: float, what: str) -> None:
    assert found.shape == expected.shape, what
    scale = np.max(np.abs(expected), initial=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * scale + 1e-300, err_msg=what)


PORTED = {
    "small": [(3, 12, 10)],
    "Awkward": [(3, 8, 6)],
    "Pair": [(5,), (6,)],
    "First": [(3, 12, 9)],
    "with_preprocessing": [(3, 6, 6)],
    "Compiled": [(3, 4, 4)],
    "leaves": [(2, 5, 5)],
    "Attends": [(6,)],
}
MODES = {"eval": False, "train": True}


# ------------------------------------------------------------------------- every part again


@pytest.mark.parametrize("training", MODES.values(), ids=MODES)
@pytest.mark.parametrize("port", PORTED)
def test_every_node_alone_makes_what_it_made_and_its_gradients_add_up(look, port, training):
    looked = look(port, *PORTED[port], training=training, whole=port == "Attends")
    assert looked.graph.unseen == []
    found, failed = looked.every_node()
    assert failed == {}
    for node in looked.graph.nodes:
        for value in node.writes:
            again = found[f"{node.name}|value:{value}"]
            close(again, looked.arrays[f"value:{value}"], BOUND, value)
    for word in ("gradient:", "gradient-of:"):
        total = looked.summed(found, word)
        if word == "gradient:":
            for output, value in looked.graph.outputs.items():
                reached = tensors.load(looked.room / "reaching")[output]
                total[value] = total[value] + reached if value in total else reached
        expected = {
            key.removeprefix(word): array
            for key, array in looked.arrays.items()
            if key.startswith(word)
        }
        assert set(total) == set(expected)
        for name, array in expected.items():
            close(total[name], array, SUMS, f"{word}{name}")


def test_every_value_is_an_input_or_is_made_by_the_node_before_it_is_read(look):
    looked = look("Awkward", (3, 8, 6))
    known = {"input:0"}
    for node in looked.graph.nodes:
        assert set(node.reads) <= known, node
        known |= set(node.writes)
    assert set(looked.graph.outputs.values()) <= known
    assert {node.kind for node in looked.graph.nodes} - KINDS == {"Greater", "cast"}
    assert set(looked.graph.outputs) == {"logits", "features.0", "features.1"}


def test_a_changed_feed_changes_what_a_unit_makes(look):
    looked = look("Awkward", (3, 8, 6))
    x = looked.arrays["value:input:0"]
    tensors.save(looked.room / "other", {"x": x.transpose(0, 3, 1, 2) * 2})
    unit = Unit(
        "u", ("multiply",), {"input:0": ("x", (("transpose", (0, 2, 3, 1)),))}, ("multiply",), {}
    )
    found, failed = looked.replay(unit, source=looked.room / "other")
    assert failed == {}
    close(found["u|value:multiply"], x * 4, BOUND, "twice two")


def test_a_unit_that_cannot_run_is_named_and_the_others_run(look):
    looked = look("small", (3, 12, 10))
    feed = {"input:0": ("value:input:0", ())}
    units = [
        Unit("hungry", ("bn1",), {}, ("bn1",), {}),
        Unit("wrong", ("conv1",), {"input:0": ("value:fc", ())}, ("conv1",), {}),
        Unit("fine", ("conv1", "bn1"), feed, ("bn1",), {}),
    ]
    found, failed = looked.replay(*units)
    assert set(failed) == {"hungry", "wrong"}
    assert failed["hungry"] == "ValueError: it reads conv1, which is not fed"
    assert "\n" not in failed["wrong"]
    close(found["fine|value:bn1"], looked.arrays["value:bn1"], BOUND, "bn1")


# --------------------------------------------------------------------------- what is what


def test_kinds_settings_and_tensors_of_a_small_port(look):
    graph = look("small", (3, 12, 10)).graph
    no = ((0, 0), (0, 0))
    plain_conv = dict(stride=(1, 1), padding=no, dilation=(1, 1))
    kernel, both = {"weight": "kernel"}, {"weight": "kernel", "bias": "bias"}
    norm = {"scale": "gamma", "shift": "beta", "mean": "moving_mean", "var": "moving_variance"}
    relu = dict(slope=0.0, cut=None, threshold=0.0)
    key = [[None, None, None], [None, 5, None], [None, 5, None]]
    conv1 = dict(
        channels=8, kernel=(3, 3), stride=(2, 2), padding=((0, 1), (0, 1)), dilation=(1, 1),
        groups=1, bias=False,
    )  # fmt: skip
    deep = plain_conv | dict(channels=8, kernel=(3, 3), groups=8, bias=True)
    one = plain_conv | dict(channels=8, kernel=(1, 1), groups=1, bias=True)
    avg = dict(
        size=(2, 2), stride=(1, 1), padding=((0, 1), (0, 1)), ceil=False, count_border=False,
        divisor=None,
    )  # fmt: skip
    expected = {
        "conv1": ("conv", conv1, kernel),
        "bn1": ("batch_norm", dict(eps=1e-5, keep=0.9, axis=1), norm),
        "relu1": ("relu", relu, {}),
        "pad": ("pad", dict(sides=((0, 1), (2, 3)), mode="constant", value=0.0), {}),
        "short": ("conv", one, both),
        "deep": ("conv", deep, both),
        "avg": ("avg_pool", avg, {}),
        "point": ("conv", one, both),
        "point/relu": ("relu", relu, {}),
        "crop": ("crop", dict(sides=((0, 1), (0, 0))), {}),
        "slice": ("slice", dict(key=key), {}),
        "slice#2": ("slice", dict(key=key), {}),
        "cat": ("concat", dict(axis=1), {}),
        "pool": ("global_avg_pool", dict(keepdims=False), {}),
        "drop": ("dropout", dict(rate=0.3), {}),
        "fc": ("dense", dict(features=4, bias=True), both),
        "fc/softmax": ("softmax", dict(axis=1), {}),
    }
    assert [node.name for node in graph.nodes] == list(expected)
    for node in graph.nodes:
        kind, settings, held = expected[node.name]
        assert node.kind == kind
        assert tuples(node.settings) == tuples(settings), node.name
        assert node.tensors == {role: f"{node.name}.{name}" for role, name in held.items()}
    assert graph.channels == "last"
    assert graph.shapes["conv1"] == (6, 5, 8)
    statistics = {name for name, tensor in graph.tensors.items() if tensor.statistic}
    assert statistics == {"bn1.moving_mean", "bn1.moving_variance"}
    assert not any(graph.tensors[name].trainable for name in statistics)


def tuples(x: Any) -> Any:
    """JSON knows no tuples."""
    if isinstance(x, dict):
        return {key: tuples(value) for key, value in x.items()}
    return tuple(map(tuples, x)) if isinstance(x, (list, tuple)) else x


def test_a_shared_layer_is_called_by_its_first_path_and_a_number(look):
    nodes = {node.name: node for node in look("Awkward", (3, 8, 6)).graph.nodes}
    assert nodes["shared"].tensors == nodes["shared#2"].tensors
    assert nodes["shared"].reads != nodes["shared#2"].reads


def test_what_a_users_layer_does_is_seen_with_its_tensors_and_its_line(look):
    nodes = {node.name: node for node in look("Awkward", (3, 8, 6)).graph.nodes}
    gamma, beta = nodes["scale/multiply"], nodes["scale/add"]
    assert (gamma.kind, gamma.tensors) == ("multiply", {"operand0": "scale.gamma"})
    assert (beta.kind, beta.tensors) == ("add", {"operand1": "scale.beta"})
    line = 1 + PORTS.read_text().splitlines().index("        return self.gamma * x + self.beta")
    assert gamma.place == beta.place == f"graph_keras.py:{line}"
    assert nodes["multiply"].settings == {"operand": 2.0}
    assert nodes["half.b/tanh"].reads == ("half.b",)


def test_a_call_that_a_users_layer_inherits_is_one_node(look):
    graph = look("leaves", (2, 5, 5)).graph
    assert [node.name for node in graph.nodes] == ["p/pad", "p/conv", "p/relu"]
    pad, conv, _ = graph.nodes
    assert pad.settings["sides"] == ((1, 2), (1, 2))
    assert conv.tensors == {"weight": "p.kernel", "bias": "p.bias"}
    assert conv.settings["padding"] == ((0, 0), (0, 0))


def test_compiled_functions_are_seen_and_own_gradients_are_kept_whole(look):
    looked = look("Compiled", (3, 4, 4))
    nodes = {node.name: node for node in looked.graph.nodes}
    assert {"silu", "add", "custom_reversing", "drop", "matmul"} <= set(nodes)
    assert nodes["add"].tensors == {"operand1": "loose"}
    turned = -looked.arrays["gradient:custom_reversing"]
    close(looked.arrays["gradient:add"], turned, BOUND, "the gradient turned round")


def test_attention_and_loops_are_seen(look):
    graph = look("Attends", (6,), whole=True).graph
    assert graph.unseen == []
    kinds = [node.kind for node in graph.nodes]
    assert kinds.count("einsum_dense") == 4
    assert {"embedding", "layer_norm", "attention", "LSTM"} <= set(kinds)


# ------------------------------------------------------------------------------ both layouts


def test_channels_first_on_a_cpu_makes_the_numbers_of_channels_last(look, workers, tmp_path):
    first, last = look("First", (3, 12, 9)), look("Last", (3, 12, 9))
    assert (first.graph.channels, last.graph.channels) == ("first", "last")
    assert [n.settings for n in first.graph.nodes] == [n.settings for n in last.graph.nodes]
    assert first.arrays.keys() == last.arrays.keys()
    for key, array in first.arrays.items():
        maps = array.ndim == 4 and key.startswith(("value:", "gradient:"))
        close(to_nhwc(array) if maps else array, last.arrays[key], SUMS, key)
    assert sum(key.startswith("gradient-of:") for key in first.arrays) > 8


# --------------------------------------------------------------------------------- training


def test_training_leaves_statistics_and_puts_them_back(look):
    looked = look("small", (3, 12, 10), training=True)
    x = looked.arrays["value:conv1"]
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    for name, seen in {"moving_mean": mean, "moving_variance": var}.items():
        before = looked.arrays[f"tensor:bn1.{name}"]
        after = 0.9 * before + (1 - 0.9) * seen
        # Keras rounds 0.9 to float32: 1e-8
        close(looked.arrays[f"statistic:bn1.{name}"], after, 1e-7, name)
    found, _ = looked.every_node()
    for name in ("moving_mean", "moving_variance"):
        after = looked.arrays[f"statistic:bn1.{name}"]
        close(found[f"bn1|statistic:bn1.{name}"], after, BOUND, name)
    dropped = looked.arrays["value:drop"] == 0
    assert 0 < dropped.sum() < dropped.size


def test_a_mode_given_to_one_layer_is_handed_on_as_keras_does_it(look):
    """Keras' dropout after a batch norm called with training=False drops nothing."""
    looked = look("Compiled", (3, 4, 4), training=True)
    (drop,) = [node for node in looked.graph.nodes if node.name == "drop"]
    close(looked.arrays["value:drop"], looked.arrays[f"value:{drop.reads[0]}"], 0, "drop")


# ----------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("how", ["numpy", "float", "buffer", "function"])
def test_what_is_done_outside_tensorflow_is_unseen(look, how):
    assert look("Escapes", (4,), how=how).graph.unseen != []


@pytest.mark.parametrize(
    ("port", "inputs", "line"),
    [
        ("nothing", [(4,)], "nothing returned None, expected a keras.Model or keras.Layer"),
        ("raises", [(4,)], "raises raised ValueError: Received an invalid value for `units`"),
        ("Fails", [(4,)], "Fails called on (2, 4): InvalidArgumentError: Matrix size-incompatible"),
        ("small", [(4, 12, 10)], "takes inputs of shape (12, 10, 3), found (4, 12, 10) or"),
        ("small", [(3, 12, 10)] * 2, "takes 1 inputs, expected as many as shapes were given, 2"),
        ("missing", [(4,)], "has no 'missing'"),
    ],
)
def test_a_users_mistake_is_one_clear_line(look, port, inputs, line):
    with pytest.raises(UsageError) as refused:
        look(port, *inputs)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    if port in ("raises", "Fails"):
        assert "graph_keras.py:" in str(refused.value)


def test_a_tensor_of_another_shape_is_refused_by_name(look, workers, tmp_path):
    looked = look("small", (3, 12, 10))
    tensors.save(tmp_path / "given", {"fc.bias": np.zeros(5)})
    job = LookJob(
        looked.load, str(looked.room / "probe"), str(tmp_path / "x"), str(tmp_path / "given")
    )
    with pytest.raises(WorkerError, match=r"given fc\.bias: \(5,\), expected \(4,\)"):
        workers["keras"].ask(job)


def test_weights_are_loaded_from_a_file_strictly(look, workers, tmp_path):
    looked = look("small", (3, 12, 10))
    held = tensors.load(looked.room / "given")
    tensors.save(tmp_path / "all.safetensors", held)
    load = Load(
        looked.load.port, {}, ((3, 12, 10),), "float64", "cpu", f"{tmp_path}/all.safetensors"
    )
    probe, out = str(looked.room / "probe"), str(tmp_path / "out")
    workers["keras"].ask(LookJob(load, probe, out))
    found = tensors.load(Path(out))
    close(found["value:fc/softmax"], looked.arrays["value:fc/softmax"], BOUND, "output")
    tensors.save(tmp_path / "few.safetensors", {k: v for k, v in held.items() if k != "fc.bias"})
    few = Load(load.port, {}, load.inputs, "float64", "cpu", f"{tmp_path}/few.safetensors")
    with pytest.raises(UsageError, match=r"it lacks fc\.bias"):
        workers["keras"].ask(LookJob(few, probe, out))


def test_weights_of_keras_own_formats_are_loaded(look, workers, tmp_path):
    write = "keras.utils.set_random_seed(1)\n    small().save"
    (tmp_path / "net.py").write_text(
        f"{PORTS.read_text()}\n\ndef written(to: str) -> keras.Model:\n    {write}(to + '.keras')\n"
        "    keras.utils.set_random_seed(1)\n    small().save_weights(to + '.weights.h5')\n"
        "    keras.utils.set_random_seed(1)\n    return small()\n"
    )
    made = look(f"{tmp_path}/net.py:written", (3, 12, 10), to=f"{tmp_path}/w")
    probe, out = made.room / "probe", tmp_path / "out"
    expected = tensors.load(made.room / "first")["value:fc/softmax"]
    for ending in (".keras", ".weights.h5"):
        held = f"{tmp_path}/w{ending}"
        load = Load(f"{PORTS}:small", {}, ((3, 12, 10),), "float64", "cpu", held)
        workers["keras"].ask(LookJob(load, str(probe), str(out)))
        close(tensors.load(out)["value:fc/softmax"], expected, BOUND, ending)
        other = Load(f"{PORTS}:leaves", {}, ((2, 5, 5),), "float64", "cpu", held)
        with pytest.raises(UsageError, match="the port has no"):
            workers["keras"].ask(LookJob(other, str(probe), str(out)))


def test_neighbours_of_a_file_can_be_imported_and_are_never_stale(look, tmp_path):
    for features in (3, 4):
        folder = tmp_path / str(features)
        folder.mkdir()
        (folder / "neighbour.py").write_text(f"FEATURES = {features}\n")
        (folder / "net.py").write_text(
            "import keras\nfrom neighbour import FEATURES\n\n\ndef net():\n"
            "    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(FEATURES)])\n"
        )
        graph = look(f"{folder}/net.py:net", (5,)).graph
        assert graph.shapes["dense"] == (features,)
