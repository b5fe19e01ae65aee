"""Why a broken port errs: the cause that is named is the one that was planted, or none is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import probe_of
from ports.ops_spec import OPS
from test_ladder import BROKEN, EACH, HERE, RIGHT, expectation, with_fault

from common import reference, weights
from common.job import Build, spec_of
from common.losses import wide
from common.spec import avg_pool, max_pool
from compare.causes import FLOAT64, explain, proven
from compare.checks import climb
from compare.document import findings
from compare.evidence import SIDES
from compare.fixes import fix, made
from compare.thresholds import FORWARD_FLOAT32, FORWARD_FLOAT64
from compare.variants import ANYWHERE, ROUNDING, VARIANTS, Case


@pytest.mark.parametrize("path", EACH)
def test_the_cause_of_a_broken_port_is_the_one_that_was_planted(evidence, climbed, path):
    """At its rung and layer; another culprit of the same fault has the same cause, or none.

    What is proven on numbers takes their error down to rounding.
    """
    expected, pair = expectation(path), with_fault(path)
    rows = findings(evidence(**pair), climbed(**pair))["culprits"]
    causes = {(row["rung"], row["torch"]): row["cause"] for row in rows}
    assert causes[expected["rung"], expected["layer"]] == expected["cause"], causes
    also = set(expected.get("also", ()))
    others = {cause for (_, layer), cause in causes.items() if layer not in also}
    assert others <= {expected["cause"], None}, causes
    for row in rows:
        before, after = (row["evidence"][key] for key in ("error_before", "error_after"))
        if row["cause"] is None:
            assert after is None and row["fix"] is None
        elif row["rung"] == 3:
            float32_alone = row["evidence"]["detail"].endswith("in float32 only")
            assert after <= (FORWARD_FLOAT32 if float32_alone else FORWARD_FLOAT64)
            assert after <= 1e-3 * before


def test_nine_of_ten_planted_faults_have_a_cause():
    named = [path for path in BROKEN if expectation(path)["cause"]]
    assert len(named) >= 0.9 * len(BROKEN)


def test_two_faults_of_one_run_have_their_own_causes(evidence):
    pair = RIGHT["branches"] | {
        "torch": f"{HERE}/broken/torch_bn_eps.py:Port",
        "keras": f"{HERE}/broken/keras_swapped_branches.py:Port",
    }
    gathered = evidence(**pair)
    causes = {
        (culprit.layer, culprit.side): explain(gathered, culprit).cause
        for check in climb(gathered)
        for culprit in check.culprits
    }
    assert causes == {("bn", "torch"): "bn-eps", ("join", "keras"): "concat-order"}


def test_a_fault_of_both_sides_has_one_cause(evidence):
    pair = RIGHT["branches"] | {
        side: f"{HERE}/broken/{side}_same_padding.py:Port" for side in ("torch", "keras")
    }
    gathered = evidence(**pair)
    (culprit,) = (c for check in climb(gathered) if check.rung == 3 for c in check.culprits)
    assert culprit.side == "both"
    assert explain(gathered, culprit).cause == "same-vs-symmetric-stride2"


# --------------------------------------------------------------- the catalogue, without frameworks


def cases() -> dict[str, Case]:
    """Every layer of the net of many ops, right as it is."""
    given = weights.draw(OPS, 0, "probe")
    values = reference.run(OPS, given, probe_of(OPS, 0))
    return {
        layer.name: Case(
            layer,
            tuple(values[name] for name in layer.reads),
            {name: wide(tensor) for name, tensor in reference.owned(layer, given).items()},
            values[layer.name],
        )
        for layer in OPS.layers
    }


def explained(case: Case):
    return proven(case, (*VARIANTS.get(case.layer.op, ()), *ANYWHERE, *ROUNDING), FLOAT64)


@pytest.mark.parametrize("name", [layer.name for layer in OPS.layers])
def test_what_no_candidate_reproduces_has_no_cause(name):
    case = cases()[name]
    noise = np.random.default_rng(0).standard_normal(case.made.shape)
    for size in (1e-9, 1e-3, 1.0):
        found = explained(replace(case, made=case.made * (1 + size * noise)))
        assert found.cause is None
        assert found.error_after is None and found.error_before > FORWARD_FLOAT64
        assert len(found.tried) >= len(ANYWHERE)


@pytest.mark.parametrize("name", [layer.name for layer in OPS.layers])
def test_every_candidate_that_changes_a_layer_explains_that_change(name):
    """It is the cause that is named, or stands beside a simpler one that explains it as well."""
    case = cases()[name]
    for id, tries in VARIANTS.get(case.layer.op, ()):
        for phrase, make in tries(case):
            try:
                made = make()
            except ValueError:
                continue  # this layer's shapes do not allow it
            if made.shape == case.made.shape and not np.allclose(made, case.made, atol=1e-6):
                found = explained(replace(case, made=made))
                assert id in (found.cause, *found.also), phrase


# --------------------------------------------------------------------------------- what to write


AFTER = ((0, 1), (0, 1))  # what Keras' "same" pads at stride 2 on maps of an even size
POOLS = {  # PyTorch's own pools pad both sides alike
    "max after": (max_pool("p", 3, stride=2, padding=AFTER), {},
        'nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), float("-inf")), nn.MaxPool2d(3, stride=2))'),
    "zeros": (max_pool("p", 3, stride=2, padding=1), {"fill": 0.0},
        "nn.Sequential(nn.ZeroPad2d((1, 1, 1, 1)), nn.MaxPool2d(3, stride=2))"),
    "max": (max_pool("p", 3, stride=2, padding=1), {}, "nn.MaxPool2d(3, stride=2, padding=1)"),
    "mean after": (avg_pool("p", 3, stride=2, padding=AFTER), {},
        "nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(3, stride=2))"),
}  # fmt: skip


@pytest.mark.parametrize("name", POOLS)
def test_the_fix_of_a_pool_pads_each_side_as_it_should(name):
    layer, more, code = POOLS[name]
    settings = {"count_border": True, **layer.settings, **more}
    assert made(replace(layer, settings=settings), [(4, 8, 8)], "torch") == code


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["branches", "ops"])
def test_the_fix_of_a_layer_is_what_the_right_port_says(name, side):
    """Word for word, but for defaults that are the same in both frameworks."""
    spec = spec_of(Build("", RIGHT[name]["spec"], ""))
    file = RIGHT[name][side].rpartition(":")[0]
    source = " ".join(Path(file).read_text().split()).replace("( ", "(").replace(" )", ")")
    for layer in spec.layers:
        code = fix(spec, layer.name, "scaled", False)[side]
        known = code.partition("  #")[0].replace(', padding="valid"', "")
        if layer.name not in WRITTEN_OTHERWISE:
            assert f"self.{layer.name} = {known}" in source.replace(', padding="valid"', ""), code


# A layer of the test's own, a pair spelt out, or what a port writes as a class.
WRITTEN_OTHERWISE = {
    "grouped", "total", "join", "border", "no_border", "averages", "features", "partial",
    "squash", "distances", "stem", "lrn", "strided", "dilated", "bn", "softmax", "max_pool",
}  # fmt: skip
