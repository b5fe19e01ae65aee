"""Fetches a data set through torchvision, which knows its mirrors and its checksums."""

from __future__ import annotations

import os
import socket
from typing import Any

from common.errors import DataError
from common.job import DownloadJob
from common.serve import Emit

CLASSES = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
}
SILENCE_SECONDS = 30.0  # of a server before it counts as gone


def download(job: DownloadJob, progress: Emit) -> dict[str, Any]:
    """Leaves the files under the job's folder, and says where. DataError says why it could not."""
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(f"{job.name}: --download needs torchvision ({error})") from error
    socket.setdefaulttimeout(SILENCE_SECONDS)
    fetched = getattr(datasets, CLASSES[job.name])
    try:
        folder = folder_of(fetched(job.out, download=True))
    except (OSError, RuntimeError) as error:  # torchvision raises both, in several lines
        raise DataError(
            f"{job.name}: the download failed: {' '.join(str(error).split())}; try again, or "
            "fetch the files on another machine and name their folder with --data-dir"
        ) from error
    return {"folder": folder}


def folder_of(dataset: Any) -> str:
    """Where torchvision left the files: `<class>/raw` of MNIST, the unpacked archive of CIFAR."""
    if hasattr(dataset, "raw_folder"):
        return str(dataset.raw_folder)
    return os.path.join(dataset.root, dataset.base_folder)
