"""The PyTorch worker: `python -m torch_impl.worker`, jobs in, events out (see common/serve.py)."""

from collections.abc import Mapping
from typing import Any

from common.serve import Handler, serve


def start() -> tuple[dict[str, Any], Mapping[str, Handler]]:
    """Imports PyTorch and everything that needs it; says what there is.

    torch._dynamo costs seconds and the first optimizer step imports it, wanted or not: here it
    comes while the other worker is importing too.
    """
    import torch._dynamo  # noqa: F401

    from torch_impl.bench import bench
    from torch_impl.device import configure
    from torch_impl.download import download
    from torch_impl.look import look, prepare, replay
    from torch_impl.predict import predict
    from torch_impl.save import save
    from torch_impl.trace import trace
    from torch_impl.train import train

    handlers = {
        "trace": trace,
        "train": train,
        "bench": bench,
        "predict": predict,
        "prepare": prepare,
        "look": look,
        "replay": replay,
        "save": save,
        "download": download,
    }
    return configure(), handlers


if __name__ == "__main__":
    serve(start)
