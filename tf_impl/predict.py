"""Loads a trained net from Keras' own format and runs it on a few images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from common import tensors
from common.job import PredictJob, spec_of
from common.locate import locate
from common.serve import Emit
from tf_impl import device, losses
from tf_impl.checkpoint import open_net


def predict(job: PredictJob, progress: Emit) -> dict[str, Any]:
    """Writes the first output of the net for each image."""
    keras.config.set_dtype_policy(job.build.dtype)
    device.set_layout(job.build)
    with device.placed(job.build):
        model = open_net(locate(job.build.port), Path(job.net))
        images = device.tensor(tensors.load(Path(job.images))["images"], job.build)
        axis = 3 if job.build.layout == "nchw" else 2
        parts = tf.split(images, len(spec_of(job.build).inputs), axis=axis)
        output = losses.listed(model(*parts, training=False))[0]
    tensors.save(Path(job.out), {"outputs": output.numpy()})
    return {}
