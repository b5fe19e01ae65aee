"""Every network of the project: its files, its counts, and its two ports held against it."""

from __future__ import annotations

from math import prod

import pytest

from common import recipes, specs
from common.losses import LOSSES
from common.spec import count_parameters
from compare.checks import climb
from compare.run import PORTS, probe_batch

LARGE = 12_000_000  # parameters, or 100x100 places of input: checked once, in CI


def is_large(name: str) -> bool:
    spec = specs.get(name)
    places = max(prod(shape[1:]) for shape in spec.inputs.values())
    return spec.params > LARGE or places > 10_000


MODELS = [
    pytest.param(name, marks=pytest.mark.slow) if is_large(name) else name for name in specs.SPECS
]


@pytest.mark.parametrize("name", MODELS)
def test_both_ports_pass_every_check(evidence, name):
    spec, recipe = specs.get(name), recipes.get(name)
    gathered = evidence(
        f"{PORTS['torch']}.{spec.port}",
        f"{PORTS['keras']}.{spec.port}",
        name,
        batch=probe_batch(spec),
        loss=recipe.loss,
        shares=recipe.shares,
    )
    for check in climb(gathered):
        assert check.verdict.agrees, f"{check.id}: {check.detail}"
        assert check.coverage[0] == check.coverage[1] > 0
        assert not check.culprits


@pytest.mark.parametrize("name", specs.SPECS)
def test_a_network_states_its_source_its_data_and_a_default_recipe(name):
    spec = specs.get(name)
    assert spec.source and spec.data and spec.port
    assert count_parameters(spec)[0] == spec.params
    for recipe in recipes.RECIPES[name].values():
        assert recipe.loss in LOSSES
        assert not recipe.shares or len(recipe.shares) == len(spec.outputs)
    assert "default" in recipes.RECIPES[name]
