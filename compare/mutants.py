"""Small faults planted in one layer at a time, to see whether a probe would have shown them.

They are the catalogue's candidates (compare/variants.py) that need nothing fitted, and what the
catalogue cannot name because no single layer does it. One is tried on a part of what was recorded:
two samples, a corner of large maps, a few of the outputs. What the part shows, the whole shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from common import reference
from common.losses import wide
from common.spec import Layer
from compare.evidence import Array
from compare.variants import ANYWHERE, VARIANTS, Attempt, Case, Tries

OF_EACH = 3  # attempts of a candidate that has many, such as the sides of a padding
OF_A_LAYER = 8  # mutants of a layer that reads no input; others, of the next layer of its kind
OUTPUTS = 4  # of a convolution's maps or a dense layer's features, each made without the others
CORNER, STRIDES = 48, 12  # of larger maps a corner; what is cut is a multiple of any stride to 4

# They fit a number to what a port made, and fit the right one to what is right.
FITTED = {"leaky-relu-slope", "connection-table", "dropout-in-evaluation"}
HANDED_ON = {"layer-skipped", "height-width-swapped", "channel-order", "mirrored"}


@dataclass(frozen=True)
class Mutant:
    """One fault: the id of its cause, in words, and what the layer makes with it."""

    cause: str
    phrase: str
    make: Any  # () -> Array

    @property
    def key(self) -> tuple[str, str]:
        return self.cause, self.phrase


def leaky_relu(c: Case) -> Iterator[Attempt]:
    x = c.sources[0]
    yield "has the slope 0.01 below zero", lambda: np.where(x < 0, 0.01 * x, x)


def kernels_flipped(c: Case) -> Iterator[Attempt]:
    flipped = np.flip(c.own["weight"], (1, 2))
    yield "uses its kernels flipped both ways", partial(c.given, weight=flipped)


def sample_order(c: Case) -> Iterator[Attempt]:
    yield "makes its samples in another order", lambda: c.made[::-1]


MORE: dict[str, tuple[tuple[str, Tries], ...]] = {
    "relu": (("leaky-relu-slope", leaky_relu),),
    "partial_conv": (("kernel-flipped", kernels_flipped),),
}


def of_case(c: Case) -> list[Mutant]:
    """Every mutant of a layer, one of each candidate first; `c.made` is right."""
    own = [(id, tries) for id, tries in VARIANTS.get(c.layer.op, ()) if id not in FITTED]
    anywhere = [(id, tries) for id, tries in ANYWHERE if id in HANDED_ON]
    more = MORE.get(c.layer.op, ())
    found = {
        (id, phrase): (rank, Mutant(id, phrase, make))
        for id, tries in (*own, *more, *anywhere, ("sample-order", sample_order))
        for rank, (phrase, make) in enumerate(islice(legal(c, tries), OF_EACH))
    }
    return [mutant for _, mutant in sorted(found.values(), key=lambda pair: pair[0])]


def legal(c: Case, tries: Tries) -> Iterator[Attempt]:
    """A candidate's attempts, up to one that this layer's shapes do not allow."""
    try:
        yield from tries(c)
    except (ValueError, IndexError, KeyError, np.linalg.LinAlgError):
        return


def sampled(mutants: Sequence[Mutant], index: int) -> list[Mutant]:
    """A few of many, others for every layer, spread over the whole list."""
    if len(mutants) <= OF_A_LAYER:
        return list(mutants)
    places = (index + np.arange(OF_A_LAYER) * len(mutants) // OF_A_LAYER) % len(mutants)
    return [mutants[place] for place in np.unique(places)]


def whole(layer: Layer, sources: Sequence[Array], own: dict[str, Array], **more: Any) -> Case:
    """A layer on these sources, with a few of its outputs; it made what is right."""
    layer, own = with_few_outputs(layer, own)
    own = {name: wide(x) for name, x in own.items()}
    read = tuple(wide(x) for x in sources)
    return Case(layer, read, own, reference.apply(layer, read, own), **more)


def part(layer: Layer, sources: Sequence[Array], own: dict[str, Array], **more: Any) -> Case:
    """The same of two samples and a corner, where that is less."""
    size = np.abs(sources[0]).reshape(len(sources[0]), -1).max(axis=1, initial=0.0)
    two = sorted({0, int(size.argmax()) or len(size) - 1})
    return whole(layer, [corner(x[two]) for x in sources], own, **more)


def corner(x: Array) -> Array:
    """The upper left of large maps."""
    if x.ndim != 4:
        return x
    height, width = (min(n, CORNER + (n - CORNER) % STRIDES) for n in x.shape[2:])
    return x[:, :, :height, :width]


def with_few_outputs(layer: Layer, own: dict[str, Array]) -> tuple[Layer, dict[str, Array]]:
    """A layer of which each output is made by its own weights, cut down to a few of them."""
    key = {"conv": "channels", "dense": "features"}.get(layer.op)
    if key is None or layer.settings.get("groups", 1) > 1:
        return layer, own
    few = min(OUTPUTS, layer.settings[key])
    layer = replace(layer, settings={**layer.settings, key: few})
    return layer, {name: tensor[:few] for name, tensor in own.items()}


def seen(case: Case, mutant: Mutant, scale: float) -> float:
    """How far the mutant's output is from the right one, in units of `scale`; infinite: plainly."""
    try:
        made = mutant.make()
    except (ValueError, IndexError, KeyError, TypeError):
        return float("nan")  # no such mutant of these shapes
    if made.shape != case.made.shape or not np.isfinite(made).all():
        return float("inf")
    gap = float(np.abs(made - case.made).max(initial=0.0))
    return gap / scale if scale > 0 else float("inf") if gap > 0 else 0.0
