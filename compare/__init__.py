"""Runs both frameworks, each in its own process, and judges whether they are the same network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def verify(
    torch: str,
    keras: str,
    inputs: Sequence[int] | Sequence[Sequence[int]],
    *,
    torch_args: Mapping[str, Any] | None = None,
    keras_args: Mapping[str, Any] | None = None,
    torch_weights: str | Path | None = None,
    keras_weights: str | Path | None = None,
    map: str | Path | None = None,
    probe: str | Path | None = None,
    batch: int = 0,
    seed: int = 0,
    rungs: Sequence[int] = (),
    trust: bool = False,
    torch_python: str | None = None,
    keras_python: str | None = None,
    out: str | Path | None = None,
    timeout: float = 600.0,
    workers: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Are two ports of anybody's the same network? The document of `compare verify --json`.

    Ports are import strings, "package.module:callable" or "path/file.py:callable"; neither
    framework is imported into this process. `inputs` are shapes, channels first, without the batch.
    The run folder is `out`; without it, a temporary one, which stays where the ports do not match.
    CompareError where there is no verdict: a user's mistake, or a worker that failed.
    """
    from compare.ports.calls import call, request_of

    request = request_of(
        torch,
        keras,
        inputs,
        arguments={"torch": torch_args, "keras": keras_args},
        weights={"torch": torch_weights, "keras": keras_weights},
        python={"torch": torch_python, "keras": keras_python},
        map=map,
        probe=probe,
        batch=batch,
        seed=seed,
        rungs=rungs,
        trust=trust,
        out=out,
        timeout=timeout,
    )
    return call(request, workers)
