"""The ELF kernel inside a bzImage: booted by PVH, it spares the guest the unpacking."""

from __future__ import annotations

import lzma
import subprocess
import zlib
from collections.abc import Callable

ELF = b"\x7fELF"


class KernelError(Exception):
    """There is no ELF kernel in the file."""


def _xz(data: bytes) -> bytes:
    return lzma.LZMADecompressor().decompress(data)


def _gzip(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data)


def _zstd(data: bytes) -> bytes:
    # What follows the compressed kernel makes zstd complain after it has written all of it.
    command = ("zstd", "--decompress", "--stdout", "--quiet")
    return subprocess.run(command, input=data, capture_output=True, check=False).stdout


_FORMATS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\xfd7zXZ\x00", _xz),
    (b"\x28\xb5\x2f\xfd", _zstd),
    (b"\x1f\x8b\x08", _gzip),
)


def unpacked(image: bytes) -> bytes:
    """The ELF file in a bzImage.  Raises KernelError."""
    for magic, decompress in _FORMATS:
        start = image.find(magic)
        while start >= 0:
            try:
                found = decompress(image[start:])
            except (lzma.LZMAError, zlib.error):
                found = b""
            if found.startswith(ELF):
                return found
            start = image.find(magic, start + 1)
    raise KernelError("no ELF kernel in the kernel image")
