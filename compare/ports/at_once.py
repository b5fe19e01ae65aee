"""Work on arrays, two pieces at a time: NumPy's loops let each other run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from compare.workers import threads

T = TypeVar("T")
AT_ONCE = 2  # a third piece would hold a third layer's arrays


def at_once(do: Callable[..., T], *items: Iterable[Any]) -> list[T]:
    """What `do` gives of each item, in order; what is not finite raises no warning.

    A matrix product takes one thread here: two that take every core each wait for one another.
    """

    from threadpoolctl import threadpool_limits

    def done(*item: Any) -> T:
        with np.errstate(all="ignore"):  # of this thread
            return do(*item)

    with threadpool_limits(1, "blas"), threads(AT_ONCE) as pool:
        return list(pool.map(done, *items))
