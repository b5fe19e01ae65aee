"""pytest: the fixture `port_check`, by which tests share two workers. It imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def port_check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """As `compare.testing.assert_ports_match`, with workers that are started once a session.

    def test_my_port(port_check):
        port_check("mine_torch.py:Net", "mine_keras.py:build", inputs=[(3, 32, 32)])
    """
    from compare.ports.calls import SharedWorkers
    from compare.testing import assert_ports_match

    shared = SharedWorkers(tmp_path_factory.mktemp("port-workers"))

    def check(torch: str, keras: str, inputs: Any, **options: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        own = {"torch_python", "keras_python"} & options.keys()
        workers = None if own or "workers" in options else shared.get()
        more = options if workers is None else options | {"workers": workers}
        return assert_ports_match(torch, keras, inputs, **more)

    yield check
    shared.close()
