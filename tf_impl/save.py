"""Writes a Keras port's weights as Keras keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras.src.saving import saving_lib

from common import tensors
from common.errors import UsageError
from common.job import SaveJob
from common.serve import Emit
from tf_impl.look import give, loaded_for, placed, restore, said


def save(job: SaveJob, progress: Emit) -> dict[str, Any]:
    """A .weights.h5, or the whole model as a .keras; what is not given stays as built."""
    path = Path(job.out)
    with placed(job.load):
        loaded = loaded_for(job.load, tensors.load(Path(job.probe)))
        restore(loaded.first)
        give(loaded, tensors.load(Path(job.given)))
        if path.name.endswith(".weights.h5"):
            saving_lib.save_weights_only(loaded.model, str(path))
        else:
            save_model(loaded.model, path, job.load.port)
        restore(loaded.first)
    return {"tensors": len(loaded.variables)}


def save_model(model: keras.layers.Layer, path: Path, port: str) -> None:
    """UsageError where Keras cannot describe the model: its weights alone can be written."""
    if not isinstance(model, keras.Model):
        raise UsageError(f"{port} is no keras.Model; write a .weights.h5 instead of {path.name}")
    try:
        model.save(path)
    except Exception as error:
        raise UsageError(
            f"{port}: Keras cannot write it as {path.name}: {said(error)}; write a .weights.h5"
        ) from error
