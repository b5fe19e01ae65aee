"""Fetches a data set through torchvision, which knows its mirrors and its checksums."""

from __future__ import annotations

import socket
from typing import Any

from common.errors import DataError
from common.job import DownloadJob
from common.serve import Emit

CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
SILENCE_SECONDS = 30.0  # of a server before it counts as gone


def download(job: DownloadJob, progress: Emit) -> dict[str, Any]:
    """Leaves torchvision's `<class>/raw` in the job's folder. DataError says why it could not."""
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(f"{job.name}: --download needs torchvision ({error})") from error
    socket.setdefaulttimeout(SILENCE_SECONDS)
    fetched = getattr(datasets, CLASSES[job.name])
    try:
        raw = fetched(job.out, download=True).raw_folder
    except (OSError, RuntimeError) as error:  # torchvision raises both, in several lines
        raise DataError(
            f"{job.name}: the download failed: {' '.join(str(error).split())}; try again, or "
            "fetch the files on another machine and name their folder with --data-dir"
        ) from error
    return {"folder": raw}
