"""What a file holds once it is unzipped, or a DataError that says why it cannot be read."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO

from common.errors import DataError


def unzipped(path: Path) -> bytes:
    """The bytes of a file; those inside it if its name ends in .gz."""
    with opened(path) as file:
        content = file.read()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:  # cut short, wrong header or checksum, damaged
        raise DataError(
            f"{path}: expected a whole gzip file, found {len(content):,} bytes that do not "
            f"unzip ({error}); fetch the file again"
        ) from error


def opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: expected a file that can be read, found: {error}") from error
