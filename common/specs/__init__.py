"""Every network of the project, by name."""

from difflib import get_close_matches

from common.errors import UsageError
from common.spec import Spec
from common.specs.lenet import LENET

SPECS: dict[str, Spec] = {spec.name: spec for spec in (LENET,)}


def get(name: str) -> Spec:
    """The spec called `name`; UsageError with the nearest names where there is none."""
    if name in SPECS:
        return SPECS[name]
    near = get_close_matches(name.lower(), SPECS, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"unknown model {name!r}: {hint}models: {', '.join(sorted(SPECS))}")
