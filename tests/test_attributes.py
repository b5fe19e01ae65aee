"""Rung 2: settings that differ are found at their layer; what could not be read is no agreement."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_ladder import BROKEN, HERE, RIGHT, expectation, with_fault

from common import reference, specs, tensors
from common.layout import nchw_shape
from common.result import Call, Structure, Trace
from common.spec import Layer, avg_pool, conv, max_pool
from compare.checks import attributes, forward
from compare.evidence import SIDES, Evidence
from compare.verdict import Verdict

DROPPING = {side: f"{HERE}/ports/dropping_{side}.py:Dropping" for side in SIDES}
DROPPING["spec"] = f"{HERE}/ports/dropping_spec.py:DROPPING"


# --------------------------------------------------------------------------- right ports


@pytest.mark.parametrize("ports", [*RIGHT.values(), DROPPING], ids=[*RIGHT, "dropping"])
def test_every_setting_of_right_ports_is_seen_and_agrees(evidence, ports):
    check = attributes.judge(evidence(**ports))
    assert (check.verdict, check.culprits) == (Verdict.SAME, ()), check.detail
    assert check.coverage[0] == check.coverage[1] > 0


@pytest.fixture(scope="module")
def zoo(environment) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """side -> network -> layer -> [op, settings, why some are missing, shape], at full size."""
    quiet = environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    started = {
        side: subprocess.Popen(
            [sys.executable, str(HERE / "oracles" / f"{side}_settings.py")],
            env=quiet,
            stdout=subprocess.PIPE,
        )
        for side in SIDES
    }
    printed = {side: process.communicate(timeout=600)[0] for side, process in started.items()}
    assert all(process.returncode == 0 for process in started.values())
    return {side: json.loads(text) for side, text in printed.items()}


def of_zoo(zoo: dict[str, Any], name: str) -> Evidence:
    """Evidence of one network that holds settings and shapes, and no number."""
    spec = specs.get(name)
    traces = {}
    for side in SIDES:
        trace = Trace("nchw" if side == "torch" else "nhwc", "float64")
        for path, (kind, settings, unread, shape) in zoo[side][name].items():
            trace.structure[path] = Structure(kind, {}, settings, unread)
            trace.calls.append(Call(path, (), "", tuple(shape)))
            canonical = shape if side == "torch" else nchw_shape(tuple(shape))
            trace.arrays[f"output:{path}"] = np.broadcast_to(0.0, (1, *canonical))
        traces[side, "float64"] = trace
    return Evidence(spec, {}, {}, traces)


@pytest.mark.slow
@pytest.mark.parametrize("name", specs.SPECS)
def test_every_setting_of_every_network_is_seen_and_agrees(zoo, name):
    check = attributes.judge(of_zoo(zoo, name))
    assert (check.verdict, check.culprits) == (Verdict.SAME, ()), check.detail
    assert check.coverage[0] == check.coverage[1] > len(specs.get(name).layers)


# --------------------------------------------------------------------------- settings that differ

WRONG = {  # file of tests/broken without its side -> what is said of its layer
    "bn_eps": "eps is 0.001, the spec says 1e-05",
    "bn_eps_one_percent": "eps is 1.01e-05, the spec says 1e-05",
    "bn_momentum": "keep is 0.01",
    "stride": "stride is (1, 1), the spec says (2, 2)",
    "no_dilation": "dilation is (1, 1), the spec says (2, 2)",
    "padding_mirrored": "padding is ((1, 0), (0, 1)), the spec says ((0, 1), (1, 0))",
    "same_padding": "padding is ((0, 1), (0, 1)), the spec says ((1, 1), (1, 1))",
    "padding_reflected": "fill is reflect, the spec says zeros",
    "groups": "groups is 1, the spec says 2",
    "dropout_rate": "rate is 0.6, the spec says 0.4",
    "border_counted": "count_border is True, the spec says False",
    "overhang_counted": "divisor is 9, the spec says None",
    "no_bias": "bias is False, the spec says True",
    "lrn_alpha": "alpha is",
    "relu_cut_at_6": "cut is 6, the spec says None",
    "table": "table is ((0, 1), (1, 2, 4), (4,), (0, 5)), the spec says ((0, 1), (1, 2, 3),",
    "fused_relu": "activation is relu, the spec says linear",
    "float32_relu": "compute_dtype is float32, the run's is float64",
}
OWN_FORWARD = ("torch_same_padding", "torch_relu_cut_at_6")  # of these nothing is known
FILES = [
    path for path in BROKEN if path.stem.partition("_")[2] in WRONG and path.stem not in OWN_FORWARD
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_wrong_setting_is_named_with_its_layer_and_side(evidence, path):
    expected = expectation(path)
    check = attributes.judge(evidence(**with_fault(path)))
    assert check.verdict is Verdict.DIFFERENT
    first = check.culprits[0]
    assert (first.layer, first.side) == (expected["layer"], expected["side"])
    assert WRONG[path.stem.partition("_")[2]] in first.detail
    assert {x.layer for x in check.culprits} <= {first.layer, *expected.get("also", ())}


FOUND_HERE = [path for path in BROKEN if expectation(path)["rung"] == attributes.RUNG]


def test_no_fault_that_settings_show_has_been_forgotten():
    assert set(FOUND_HERE) <= set(FILES)


@pytest.mark.parametrize("path", FOUND_HERE, ids=lambda path: path.stem)
def test_what_a_wrong_setting_does_shows_in_the_numbers_too(evidence, path):
    """A culprit of this rung alone would be a setting that the numbers do not know."""
    expected = expectation(path)
    check = forward.judge(evidence(**with_fault(path)))
    trained_only = path.stem.partition("_")[2] in ("bn_momentum", "dropout_rate")
    found = {(culprit.layer, culprit.side) for culprit in check.culprits}
    assert found == (set() if trained_only else {(expected["layer"], expected["side"])})


@pytest.mark.parametrize("sides", [("torch",), ("keras",), SIDES], ids=" and ".join)
@pytest.mark.parametrize(
    ("fault", "layer", "detail"),
    [
        ("ForgetsFaster", "bn1", "keep is 0.89, the spec says 0.9"),
        ("DropsMore", "drop1", "rate is 0.3, the spec says 0.25"),
    ],
)
def test_what_only_training_shows_is_found_on_one_side_and_on_both(
    evidence, sides, fault, layer, detail
):
    broken = {side: f"{HERE}/ports/dropping_{side}.py:{fault}" for side in sides}
    (culprit,) = attributes.judge(evidence(**DROPPING | broken)).culprits
    assert (culprit.layer, culprit.detail) == (layer, detail)
    assert culprit.side == ("both" if sides == SIDES else sides[0])


def with_settings(gathered: Evidence, side: str, layer: str, **changes: Any) -> Evidence:
    """One side's traces with other settings of a layer; None takes one away."""
    traces = dict(gathered.traces)
    for key in [key for key in traces if key[0] == side]:
        built = traces[key].structure[layer]
        held = {n: x for n, x in (built.settings | changes).items() if n not in changes or x}
        changed = {**traces[key].structure, layer: replace(built, settings=held)}
        traces[key] = replace(traces[key], structure=changed)
    return replace(gathered, traces=traces)


def test_a_setting_that_the_spec_has_not_is_held_against_the_twins(evidence):
    gathered = evidence(**RIGHT["lenet"])
    for side in SIDES:
        gathered = with_settings(gathered, side, "relu2", curve=f"the {side} way")
    (culprit,) = attributes.judge(gathered).culprits
    assert (culprit.layer, culprit.side) == ("relu2", "both")
    assert culprit.detail == "curve is the torch way in torch and the keras way in keras"


@pytest.mark.parametrize(
    ("eps", "verdict"),
    [
        (float(np.float32(1e-5)), Verdict.SAME),  # 9.99999974737875e-06
        (1.000001e-5, Verdict.DIFFERENT),
        (float("nan"), Verdict.DIFFERENT),
    ],
)
def test_a_constant_may_be_rounded_to_float32_and_no_further(evidence, eps, verdict):
    gathered = with_settings(evidence(**RIGHT["branches"]), "keras", "bn", eps=eps)
    assert attributes.judge(gathered).verdict is verdict


# --------------------------------------------------------------------------- what was not seen


@pytest.mark.parametrize("name", OWN_FORWARD)
def test_a_class_with_a_forward_of_its_own_is_not_taken_at_its_attributes_word(evidence, name):
    path = HERE / "broken" / f"{name}.py"
    check = attributes.judge(evidence(**with_fault(path)))
    layer = str(expectation(path)["layer"])
    assert check.verdict is Verdict.SAME  # of what was seen; the numbers say the rest
    assert check.coverage[0] < check.coverage[1]
    assert f"torch {layer} hides" in check.detail and "computes by itself" in check.detail
    missing = set(check.layers[layer]["unseen"]["torch"])
    assert missing >= {"torch_same_padding": {"padding"}, "torch_relu_cut_at_6": {"cut"}}[name]


@pytest.mark.parametrize("sides", [("torch",), ("keras",), SIDES], ids=" and ".join)
def test_a_setting_that_is_missing_without_a_reason_proves_nothing(evidence, sides):
    gathered = evidence(**RIGHT["branches"])
    for side in sides:
        gathered = with_settings(gathered, side, "bn", eps=None)
    check = attributes.judge(gathered)
    assert check.verdict is Verdict.NOT_PROVEN
    assert check.coverage[0] == check.coverage[1] - 1
    assert f"{sides[0]} bn hides eps: nothing says why" in check.detail


def test_a_trace_of_an_earlier_version_loads_and_proves_nothing(evidence, tmp_path):
    gathered, traces = evidence(**RIGHT["branches"]), {}
    for key, trace in gathered.traces.items():
        trace.save(tmp_path / "new")
        arrays, note = tensors.read(tmp_path / "new")
        for entry in note["structure"].values():
            del entry["settings"], entry["unread"]
        tensors.save(tmp_path / "-".join(key), arrays, note)
        traces[key] = Trace.load(tmp_path / "-".join(key))
    check = attributes.judge(replace(gathered, traces=traces))
    assert (check.verdict, check.coverage[0]) == (Verdict.NOT_PROVEN, 0)


# --------------------------------------------------------------------------- no effect, no alarm

PAIRS: list[tuple[Layer, Layer, tuple[int, int], bool]] = [
    (conv("a", 2, 1), conv("b", 2, 1, dilation=2), (6, 6), True),
    (conv("a", 2, 2), conv("b", 2, 2, dilation=2, padding=((0, 1), (1, 0))), (6, 6), False),
    # Three windows of 3, 2 apart, end at the fifth place of seven: the last zeros are not read.
    (
        conv("a", 2, 3, stride=2, padding=1),
        conv("b", 2, 3, stride=2, padding=((1, 0), (1, 0))),
        (6, 6),
        True,
    ),
    (
        conv("a", 2, 3, stride=2, padding=1),
        conv("b", 2, 3, stride=2, padding=((0, 1), (0, 1))),
        (6, 6),
        False,
    ),
    (conv("a", 2, 5, stride=3), conv("b", 2, 5), (5, 5), True),  # one window
    # Keras' "same" of 3x3 windows 2 apart, and PyTorch's ceil_mode.
    (
        max_pool("a", 3, stride=2, ceil=True),
        max_pool("b", 3, stride=2, padding=((0, 1), (0, 1))),
        (8, 8),
        True,
    ),
    (max_pool("a", 3, stride=2, ceil=True), max_pool("b", 3, stride=2), (7, 7), True),
    (max_pool("a", 3, stride=2, ceil=True), max_pool("b", 3, stride=2), (8, 8), False),
    (avg_pool("a", 2), avg_pool("b", 2, count_border=False), (6, 6), True),
    (
        avg_pool("a", 3, padding=1, stride=2),
        avg_pool("b", 3, padding=1, stride=2, count_border=False),
        (7, 7),
        False,
    ),
    (
        avg_pool("a", 3, stride=2, ceil=True),
        avg_pool("b", 3, stride=2, padding=((0, 1), (0, 1)), count_border=False),
        (8, 8),
        True,
    ),
    (
        avg_pool("a", 3, stride=2, ceil=True),
        avg_pool("b", 3, stride=2, padding=((0, 1), (0, 1))),
        (8, 8),
        False,
    ),
]


def made(layer: Layer, size: tuple[int, int]) -> np.ndarray:
    """What the reference makes of random maps, with random weights where it has some."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((32, 2, *size))
    own = {"bias": generator.standard_normal(2)}
    own["weight"] = generator.standard_normal((2, 2, *layer.settings.get("kernel", (1, 1))))
    return reference.OPS[layer.op](layer.settings, [x], own)


@pytest.mark.parametrize(("a", "b", "size", "same"), PAIRS)
def test_settings_are_judged_by_their_effect_on_the_maps_at_hand(a, b, size, same):
    assert attributes.same_in_effect(a.op, a.settings, b.settings, (2, *size)) is same
    assert np.array_equal(made(a, size), made(b, size)) is same


@pytest.mark.parametrize("op", [conv, max_pool, avg_pool])
def test_what_is_taken_for_the_same_makes_the_same_numbers(op):
    """Every two of the settings of one axis: alike if and only if the reference makes them so."""
    layers = list(variants(op))
    results = [made(layer, (5, 4)) for layer in layers]
    wrong = [
        (a.settings, b.settings)
        for (a, x), (b, y) in itertools.combinations(zip(layers, results, strict=True), 2)
        if attributes.same_in_effect(a.op, a.settings, b.settings, (2, 5, 4))
        != np.array_equal(x, y)
    ]
    assert wrong == []


def variants(op: Any) -> Any:
    """Layers that differ in height alone, and fit."""
    more = [{}]
    if op is conv:
        more = [{"dilation": (1, 1)}, {"dilation": (2, 1)}]
    elif op is max_pool:
        more = [{"ceil": False}, {"ceil": True}]
    elif op is avg_pool:
        more = [{"ceil": x, "count_border": y} for x in (False, True) for y in (False, True)]
    for size, stride, top, bottom, named in itertools.product(
        (2, 3), (1, 2, 3), (0, 1), (0, 1), more
    ):
        padding = ((top, bottom), (0, 0))
        args = ("x", 2) if op is conv else ("x",)
        yield op(*args, (size, 2), stride=(stride, 2), padding=padding, **named)
