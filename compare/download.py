"""`--download`: brings a data set that is not here into the first data folder, whole or not."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from common.data.places import TORCHVISION, find, user_folders
from common.errors import UsageError
from common.job import DownloadJob
from compare.workers import Worker, check_python


def fetch(name: str, data_dir: Path | None, python: str, timeout: float) -> None:
    """Fetches `name` where it is one that can be fetched, and is not here already.

    It goes where torchvision looks for it. UsageError where that folder cannot be written;
    DataError where the download fails. Nothing is left behind then.
    """
    if name not in TORCHVISION or find(name, data_dir):
        return
    folder = user_folders(data_dir)[0]
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            raw = download(name, Path(scratch), check_python("torch", python), timeout)
            take_over(raw, folder / TORCHVISION[name])
    except OSError as error:
        raise UsageError(f"--download: {folder} cannot be written ({error.strerror})") from None
    finally:
        for place in made:
            with suppress(OSError):  # holds what was fetched
                place.rmdir()


def download(name: str, scratch: Path, python: str, timeout: float) -> Path:
    """The folder with the files, inside `scratch`."""
    with Worker("torch", python, scratch / "log", timeout=timeout, device="cpu") as worker:
        worker.ready()
        return Path(worker.ask(DownloadJob(name, str(scratch)))["folder"])


def take_over(raw: Path, place: Path) -> None:
    """Moves the files, each in one step, to where they are looked for."""
    place.mkdir(parents=True, exist_ok=True)
    for file in raw.iterdir():
        os.replace(file, place / file.name)
