"""Two ports in a test of their own: `assert_ports_match`, and the workers that such tests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


def assert_ports_match(
    torch: str, keras: str, inputs: Sequence[int] | Sequence[Sequence[int]], **options: Any
) -> Document:
    """The verification's document; AssertionError with layer, cause and fix where they differ.

        assert_ports_match("mine_torch.py:Net", "mine_keras.py:build", inputs=[(3, 32, 32)])

    Options are those of `compare.verify`: torch_args, keras_args, torch_weights, keras_weights,
    map, rungs, ... Not proven is not agreement, and fails too.
    """
    __tracebackhide__ = True  # pytest: the message says more than these lines
    import compare
    from common.errors import CompareError

    try:
        result = compare.verify(torch, keras, inputs, **options)
    except CompareError as error:  # a user's mistake, as a rule: one line says it
        raise error.with_traceback(None) from None
    if result["exit_status"]:
        raise AssertionError(failure(result))
    return result


def failure(result: Document) -> str:
    """What a failing test prints: verdict, every culprit with its cause, place and fix."""
    from compare.ports import report

    parts = [
        f"{result['torch']} and {result['keras']} do not match: {result['verdict']}",
        report.arrow(result),
        report.culprits(result),
        "" if result["culprits"] else report.checks(result),
        report.end(result),
    ]
    return "\n".join(part for part in parts if part)
