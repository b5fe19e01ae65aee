"""Every network of the project: its files, its counts, and its two ports held against it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest

from common import recipes, specs
from common.losses import LOSSES
from common.spec import count_parameters
from compare.checks import climb
from compare.run import PORTS, probe_batch

ROOT = Path(__file__).parent.parent
# Parameters; or 100x100 places of input. Checked once, in CI, at the size of the default recipe:
# `compare check --model NAME` reads the full one.
LARGE = 5_000_000
# At 64x64 the maps of its last stage are 2x2, and of numbers that large (1e5) too few lie near
# zero to tell a relu from a gelu: the check of the probe itself says so.
LARGER = {"resnet152": (96, 96)}


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
        # as many layers and weights, less work
        size=LARGER.get(name, recipe.size) if is_large(name) else None,
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


def test_a_network_is_four_files_of_one_name():
    """A spec, a recipe and two twins; whoever adds one touches no other file."""
    places = ("common/specs", "common/recipes", "torch_impl/models", "tf_impl/models")
    stems = {
        place: {path.stem for path in (ROOT / place).glob("*.py")} - {"__init__"}
        for place in places
    }
    for place in places:
        assert stems[place] == stems["common/specs"], place


@pytest.mark.parametrize("name", specs.SPECS)
def test_both_twins_define_what_the_spec_names(name):
    """Read as text: this process imports no framework."""
    module, _, port = specs.get(name).port.partition(":")
    for package in ("torch_impl", "tf_impl"):
        tree = ast.parse((ROOT / package / "models" / f"{module}.py").read_text())
        defined = {
            node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        }
        assert port in defined


@pytest.mark.slow
def test_a_network_dropped_into_the_folders_is_found(tmp_path):
    """Four new files in a copy, and nothing else: the command lists, describes and checks it."""
    for package in ("common", "torch_impl", "tf_impl", "compare"):
        shutil.copytree(ROOT / package, tmp_path / package)
    for place, text in NEW.items():
        (tmp_path / place).write_text(text)
    for arguments in (["describe", "tiny"], ["check", "--model", "tiny", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "compare", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "tiny" in done.stdout


NEW = {
    "common/specs/tiny.py": """
from common.spec import Spec, conv, dense, flatten, relu

SPECS = (
    Spec(
        name="tiny",
        source="made for a test",
        inputs={"image": (1, 8, 8)},
        layers=(conv("conv", 2, 3), relu("relu"), flatten("flatten"), dense("fc", 10)),
        params=20 + 730,
        data="digits",
        port="tiny:Tiny",
    ),
)
""",
    "common/recipes/tiny.py": """
from common.recipe import Recipe

RECIPES = {"tiny": [Recipe("default", epochs=1, batch_size=16, learning_rate=0.01)]}
""",
    "torch_impl/models/tiny.py": """
from torch import nn


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, kernel_size=3)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(72, 10)

    def forward(self, x):
        return self.fc(self.flatten(self.relu(self.conv(x))))
""",
    "tf_impl/models/tiny.py": """
from keras import Model, layers


class Tiny(Model):
    def __init__(self, **named):
        super().__init__(**named)
        self.conv = layers.Conv2D(2, kernel_size=3)
        self.relu = layers.ReLU()
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(10)

    def call(self, x):
        return self.fc(self.flatten(self.relu(self.conv(x))))
""",
}
