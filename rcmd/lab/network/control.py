"""How others talk to the keeper of a lab: one JSON message there, one back, on a Unix socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from rcmd.lab.errors import LabError

SOCKET = "control"
LIMIT = 65536
DESCRIPTORS = 8
TIMEOUT = 30.0
"""Seconds."""


def listen(directory: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.bind(str(directory / SOCKET))
    sock.listen()
    return sock


def request(directory: Path, verb: str, **arguments: Any) -> tuple[int, ...]:
    """Ask the keeper; the answer is the open descriptors that it sends.  Errors: LabError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(TIMEOUT)
        try:
            sock.connect(str(directory / SOCKET))
            sock.send(json.dumps({"verb": verb, **arguments}).encode())
            data, descriptors, _, _ = socket.recv_fds(sock, LIMIT, DESCRIPTORS)
        except OSError as error:
            raise LabError(f"the lab {directory.name} does not answer: {error}") from error
    answer = json.loads(data or b'{"error": "the lab ended"}')
    if "error" in answer:
        raise LabError(answer["error"])
    return tuple(descriptors)
