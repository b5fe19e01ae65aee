"""The Keras worker: `python -m tf_impl.worker`, jobs in, events out (see common/serve.py)."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from common.serve import Handler, serve

# TensorFlow and Keras import these only because they are installed; nothing here uses them.
UNUSED = ("sklearn", "pandas", "matplotlib", "scipy", "torch", "jax")


def start() -> tuple[dict[str, Any], Mapping[str, Handler]]:
    """Imports Keras and everything that needs it; says what there is."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.modules.update(dict.fromkeys(UNUSED))  # an import of them fails, and is caught

    from tf_impl.bench import bench
    from tf_impl.device import configure
    from tf_impl.graph import install
    from tf_impl.look import look, prepare, replay
    from tf_impl.predict import predict
    from tf_impl.save import save
    from tf_impl.trace import trace
    from tf_impl.train import train

    install()
    handlers = {"trace": trace, "train": train, "bench": bench, "predict": predict}
    handlers |= {"prepare": prepare, "look": look, "replay": replay, "save": save}
    return configure(), handlers


if __name__ == "__main__":
    serve(start)
