"""Sets Keras up for a job: backend, device, threads, exact float32, and a port with its weights."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import tensors
from common.errors import UsageError
from common.job import Build, spec_of
from common.layout import nhwc_shape, to_nhwc
from common.locate import locate
from tf_impl import names

NO_CHANNELS_FIRST = (
    "--layout nchw: TensorFlow trains channels first on a GPU alone; use --layout native or nhwc, "
    "or --device cuda (`compare check --layout nchw` needs no GPU)"
)


def configure() -> dict[str, Any]:
    """Exact and repeatable arithmetic; returns what the manifest says of this interpreter."""
    if keras.backend.backend() != "tensorflow":
        raise UsageError(f"Keras runs on {keras.backend.backend()}, expected tensorflow")
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # one thread of a CPU repeats itself anyway, and XLA's pooling refuses it there
        tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return {
        "framework": f"keras {keras.__version__}, tensorflow {tf.__version__}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cuda": tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else None,
        "threads": threads,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
    }


def build(job: Build) -> tuple[keras.Model, list[str], names.Axes]:
    """The port in the job's dtype and layout, what it could not be given, and its axes."""
    check_device(job)
    keras.config.set_dtype_policy(job.dtype)
    set_layout(job)
    spec = spec_of(job)
    axes = names.Axes(spec)
    with placed(job):
        model = locate(job.port)()
        if not isinstance(model, keras.Model):
            raise UsageError(f"{job.port} made a {type(model).__name__}, expected a keras.Model")
        shapes = [s if job.layout == "nchw" else nhwc_shape(s) for s in spec.inputs.values()]
        model(*(keras.Input(shape, dtype=job.dtype) for shape in shapes))  # makes the variables
        return model, names.give(model, tensors.load(Path(job.weights)), axes), axes


def set_layout(job: Build) -> None:
    """Layers made from now on take their maps so."""
    first = job.layout == "nchw"
    keras.config.set_image_data_format("channels_first" if first else "channels_last")


def check_device(job: Build) -> None:
    """Refuses what this machine cannot do, before a framework says it in its own words."""
    if job.device == "cuda" and not tf.config.list_physical_devices("GPU"):
        raise UsageError("--device cuda: TensorFlow sees no CUDA device on this machine")


def needs_xla(job: Build) -> bool:
    """TensorFlow has no channels-first convolution on a CPU but the one that XLA compiles."""
    return job.device == "cpu" and job.layout == "nchw"


def placed(job: Build) -> AbstractContextManager[Any]:
    """Everything made inside lies on the job's device."""
    return tf.device("/GPU:0" if job.device == "cuda" else "/CPU:0")


def tensor(array: np.ndarray[Any, Any], job: Build) -> tf.Tensor:
    """A canonical array in the port's layout; floating numbers in the job's dtype."""
    if array.ndim == 4 and job.layout == "nhwc":
        array = to_nhwc(array)
    dtype = job.dtype if np.issubdtype(array.dtype, np.floating) else array.dtype
    with placed(job):
        return tf.constant(array, dtype=dtype)
