"""Every network of the project, by name: one file a family, found by being here."""

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from common.errors import UsageError
from common.spec import Spec

SPECS: dict[str, Spec] = {
    spec.name: spec
    for module in iter_modules(__path__)
    for spec in import_module(f"{__name__}.{module.name}").SPECS
}


def get(name: str) -> Spec:
    """The spec called `name`; UsageError with the nearest names where there is none."""
    if name in SPECS:
        return SPECS[name]
    near = get_close_matches(name.lower(), SPECS, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"models: {', '.join(SPECS)}"
    raise UsageError(f"unknown model {name!r}: {hint} (see `compare list`)")
