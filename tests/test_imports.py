"""Who may import what, and that the twins are twins: read from the sources, nothing is run."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {"torch", "torchvision", "keras", "tensorflow"}
MAY_IMPORT = {  # beside itself and the standard library
    "common": {"numpy"},
    "torch_impl": {"numpy", "common", "torch", "torchvision"},
    "tf_impl": {"numpy", "common", "keras", "tensorflow"},
    "compare": {"numpy", "common", "rich"},
}
LATE = {  # one package for one file, inside its functions, so that nobody else needs or awaits it
    # --data FOLDER alone decodes images; a worker's interpreter holds NumPy and no Pillow.
    "common/data/folder.py": "PIL",
    # It takes seconds to import, and only a picture needs it.
    "compare/pictures.py": "matplotlib",
    # It takes a second or more, and only several seeds need it.
    "compare/statistics.py": "scipy",
    # Two threads that each compute on every core are slower than one.
    "compare/ports/at_once.py": "threadpoolctl",
    # Keras needs it for its own files of weights; only they are read with it.
    "tf_impl/look.py": "h5py",
}
PLUGINS = {"compare/pytest_plugin.py": "pytest"}  # which loads it, and nobody else does
HOMELESS = {"utils", "util", "helpers", "helper", "misc"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(source: str) -> set[str]:
    """Top-level packages that a source imports anywhere: inside functions, by importlib too.

    A relative import is the package's own and is left out.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call):
            names |= set(imported_by_name(node))
    return {name.partition(".")[0] for name in names}


def imported_by_name(call: ast.Call) -> Iterator[str]:
    """What importlib.import_module("x") or __import__("x") imports, where the name is written."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    function = call.func.id if isinstance(call.func, ast.Name) else function
    if function in ("import_module", "__import__"):
        for argument in call.args[:1]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


# ---- imports


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(package):
    allowed = {*sys.stdlib_module_names, package, *MAY_IMPORT[package]}
    assert len(sources(package)) > 5
    found = {
        path.relative_to(ROOT).as_posix(): imported(path.read_text(encoding="utf-8"))
        for path in sources(package)
    }
    more = LATE | PLUGINS
    wrong = {path: names - allowed - {more.get(path)} for path, names in found.items()}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_each_framework_is_imported_by_its_own_package_as_is_rich_by_compare():
    # The rule would hold of no import at all; these are what the reader should find.
    for package, name in {"torch_impl": "torch", "tf_impl": "keras", "compare": "rich"}.items():
        texts = [path.read_text(encoding="utf-8") for path in sources(package)]
        assert any(name in imported(text) for text in texts)


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import numpy, torch.nn as nn",
        "from torch.nn import functional",
        "def late():\n    import torch",
        "class Late:\n    def method(self):\n        from torch import nn",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "if False:\n    import torch",
        "import importlib\nimportlib.import_module('torch.nn')",
        "from importlib import import_module\nimport_module('torch')",
        "module = __import__('torch')",
    ],
)
def test_an_import_is_found_wherever_it_stands(source):
    assert imported(source) - {"numpy", "importlib"} == {"torch"}


def test_neither_a_relative_import_nor_a_word_is_taken_for_a_package():
    source = '"""import torch"""\nfrom . import torch\nfrom .torch import x\ntorch = "keras"'
    assert imported(source) == set()


def test_compare_loads_no_framework_and_nothing_that_is_to_be_imported_late():
    """The sources cannot say what rich or numpy import; one process can."""
    assert all(imported((ROOT / path).read_text("utf-8")) >= {LATE[path]} for path in LATE)
    apart = ("__main__", *(Path(path).stem for path in PLUGINS))
    modules = [module_name(path) for path in sources("compare") if path.stem not in apart]
    assert {"compare.cli", "compare.run", "compare.pictures"} <= set(modules)
    unwanted = {*FRAMEWORKS, *LATE.values()}
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        f"print(sorted({{*sys.modules}} & {unwanted}), 'rich' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.stdout == "[] True\n", found.stderr


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# ---- files


def test_no_file_is_a_drawer_for_what_has_no_home():
    files = [path for package in (*MAY_IMPORT, "tests") for path in sources(package)]
    assert [path for path in files if path.stem in HOMELESS or path.parent.name in HOMELESS] == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_file_says_in_its_first_line_what_it_answers(package):
    for path in sources(package):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith('"""'), path
        assert len(first) > 10, path


# ---- twins


def model_files(package: str) -> list[str]:
    return [path.name for path in sources(f"{package}/models") if path.name != "__init__.py"]


TWINS = model_files("torch_impl")


def outline(source: str) -> list[tuple[str, list[str]]]:
    """Every class with the attributes that it gives to self, in the order of the source."""
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    return [(node.name, attributes(node)) for node in classes]


def attributes(node: ast.ClassDef) -> list[str]:
    """X of every `self.X = ...`, annotated or several at once."""
    targets: list[ast.expr] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Assign):
            targets += part.targets
        elif isinstance(part, ast.AnnAssign | ast.AugAssign):
            targets.append(part.target)
    flat = [leaf for target in targets for leaf in getattr(target, "elts", [target])]
    owned = [leaf for leaf in flat if isinstance(leaf, ast.Attribute) and is_self(leaf.value)]
    return [leaf.attr for leaf in sorted(owned, key=lambda leaf: (leaf.lineno, leaf.col_offset))]


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_every_model_file_has_a_twin():
    assert TWINS != []
    assert model_files("tf_impl") == TWINS


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_classes_with_the_same_attributes_in_the_same_order(name):
    torch, keras = (
        outline((ROOT / package / "models" / name).read_text(encoding="utf-8"))
        for package in ("torch_impl", "tf_impl")
    )
    assert torch == keras
    assert any(attributes for _, attributes in torch)  # the reader found what there is


def test_an_outline_is_what_a_reader_would_write_down():
    source = """
class Block:
    def __init__(self, x):
        self.conv1 = 1
        if x:
            self.shortcut, self.bn = 2, 3
        self.relu: int = 4
        other.conv9 = local = 5
        self.count += 1

class Net:
    layer = 1
    def forward(self, x):
        return self.conv1(x)
"""
    assert outline(source) == [("Block", ["conv1", "shortcut", "bn", "relu", "count"]), ("Net", [])]
