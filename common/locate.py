"""Finds the object that "package.module:name" or "path/file.py:name" stands for."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from common.errors import UsageError

STANDARD = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
ROOM = Path(__file__).parent.parent  # of a worker: this package lies in it, and the worker's own
FOLDERS: list[str] = []  # put on the path for the port that was located last


def locate(reference: str) -> Any:
    """The object itself. UsageError where the module, the file or the name is not there."""
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(f"{reference!r}: expected package.module:name or path/file.py:name")
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
    for name, module in list(sys.modules.items()):
        if any(lies_in(getattr(module, "__file__", None), place) for place in FOLDERS):
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


def lies_in(file: str | None, folder: str) -> bool:
    """Whether a user wrote it there; an environment may lie in the folder, too."""
    if not file or not Path(file).is_relative_to(folder) or Path(file).is_relative_to(ROOM):
        return False
    return "-packages" not in file and not file.startswith(STANDARD)
