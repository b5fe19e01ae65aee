"""Finds the object that "package.module:name" or "path/file.py:name" stands for."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from common.errors import UsageError

STANDARD = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
ROOM = Path(__file__).parent.parent  # of a worker: this package lies in it, and the worker's own
FOLDERS: list[str] = []  # put on the path for a port of somebody's
PORT: list[str] = []  # that port
OURS = ("common", "torch_impl", "tf_impl")
THEIRS: dict[str, ModuleType] = {}  # a user's modules of these names, while ours are in their place


def locate(reference: str) -> Any:
    """The object itself. UsageError where the module, the file or the name is not there."""
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(f"{reference!r}: expected package.module:name or path/file.py:name")
    with as_user() if reference in PORT else nullcontext():
        module = from_file(Path(place)) if place.endswith(".py") else from_name(place)
    if not hasattr(module, name):
        raise UsageError(f"{reference!r}: {place} has no {name!r}")
    return getattr(module, name)


def from_name(name: str) -> ModuleType:
    """An importable module; an import that fails inside it is not hidden."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(f"there is no module {name!r}") from None
        raise


def from_file(path: Path) -> ModuleType:
    """A module of its own, made anew each time, so that an edited file is never stale."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    name = f"located_{path.stem}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    assert module_spec is not None and module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    module_spec.loader.exec_module(module)
    return module


def beside(port: str, folder: str = "") -> None:
    """Lets a port import what lies next to its file, or in the folder that its user stands in.

    Nothing of the port before stays: two ports may each have a layers.py.
    """
    THEIRS.clear()
    PORT[:] = [port]
    for name, module in list(sys.modules.items()):
        homes = [getattr(module, "__file__", None)]
        if homes == [None]:  # a folder without an __init__.py
            homes = list(getattr(module, "__path__", ()))
        if any(lies_in(home, place) for home in homes for place in FOLDERS):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if entry not in FOLDERS]
    place = port.rpartition(":")[0]
    here = [folder] if folder and folder not in sys.path else []
    if place.endswith(".py"):  # what the user stands in may be needed, and must not come first
        FOLDERS[:] = [str(Path(place).resolve().parent)]
        sys.path[:] = [*FOLDERS, *sys.path, *here]
    else:  # as `python -m` has it
        FOLDERS.clear()
        sys.path[:0] = here
    FOLDERS.extend(here)
    importlib.invalidate_caches()


@contextmanager
def as_user() -> Iterator[None]:
    """Inside, an import finds what the port's user means: they may have a `common` of their own."""
    names = {name for name in OURS if any(is_theirs(Path(folder), name) for folder in FOLDERS)}
    if not names:
        yield
        return
    ours, path = taken(names), sys.path[:]
    sys.modules.update(THEIRS)
    sys.path[:] = [entry for entry in path if not entry or Path(entry).resolve() != ROOM.resolve()]
    try:
        yield
    finally:
        sys.path[:] = [*(entry for entry in sys.path if entry not in path), *path]
        THEIRS.clear()
        THEIRS.update(taken(names))
        sys.modules.update(ours)


def is_theirs(folder: Path, name: str) -> bool:
    """Whether a folder holds a module or a package of that name which is not this project's."""
    found = [place for place in (folder / name, folder / f"{name}.py") if place.exists()]
    return any(place.resolve() != (ROOM / name).resolve() for place in found)


def taken(names: Collection[str]) -> dict[str, ModuleType]:
    """The loaded modules of these packages, out of `sys.modules`."""
    loaded = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in loaded}


def lies_in(file: str | None, folder: str) -> bool:
    """Whether a user wrote it there; an environment may lie in the folder, too."""
    if not file or not Path(file).is_relative_to(folder) or Path(file).is_relative_to(ROOM):
        return False
    return "-packages" not in file and not file.startswith(STANDARD)
