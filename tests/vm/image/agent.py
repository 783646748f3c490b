"""Runs in the guest: does what the tests ask for over a virtio serial port.

A request is a line of JSON, so is its answer; both carry the same `id`.  Requests:
`run` (a shell command, to its end), `start` (one that goes on), `put` and `get` (a file),
`clock`.  Each runs in a thread of its own; an answer with `error` says what went wrong.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

PORT = Path("/dev/virtio-ports/rcmd.agent")
READ_SIZE = 1 << 16
RETRY_S = 0.05

Answer = dict[str, Any]
Stream = int | IO[bytes]


class Agent:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def serve(self) -> None:
        self._say({"hello": os.uname().release})
        buffer = b""
        while True:
            data = os.read(self._descriptor, READ_SIZE)
            if not data:
                # Nobody has the other end open.
                time.sleep(RETRY_S)
                continue
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                self._begin(json.loads(line))

    def _begin(self, request: Mapping[str, Any]) -> None:
        if request["verb"] == "clock":
            # At once: the way there and back is what limits its accuracy.
            self._answer(request)
        else:
            threading.Thread(target=self._answer, args=(request,), daemon=True).start()

    def _answer(self, request: Mapping[str, Any]) -> None:
        try:
            answer = VERBS[request["verb"]](**request["arguments"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        self._say({"id": request["id"], **answer})

    def _say(self, message: Answer) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def run(command: str, stdin: str, limit_s: float) -> Answer:
    process = _shell(command, subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)
    is_late = False
    try:
        out, err = process.communicate(stdin.encode(), timeout=limit_s)
    except subprocess.TimeoutExpired:
        is_late = True
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    return {
        "status": process.returncode,
        "out": out.decode(errors="replace"),
        "err": err.decode(errors="replace"),
        "is_late": is_late,
    }


def start(command: str, log: str) -> Answer:
    with Path(log).open("wb") as output:
        process = _shell(f"exec {command}", subprocess.DEVNULL, output, subprocess.STDOUT)
    threading.Thread(target=process.wait, daemon=True).start()
    return {"pid": process.pid}


def put(path: str, content: str, mode: int) -> Answer:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(content))
    target.chmod(mode)
    return {}


def get(path: str) -> Answer:
    return {"content": base64.b64encode(Path(path).read_bytes()).decode()}


def clock() -> Answer:
    return {"monotonic_ns": time.monotonic_ns()}


def _shell(command: str, stdin: Stream, stdout: Stream, stderr: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ("/bin/bash", "-c", command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": "/root"},
    )


VERBS: dict[str, Callable[..., Answer]] = {
    "run": run,
    "start": start,
    "put": put,
    "get": get,
    "clock": clock,
}


def main() -> None:
    while not PORT.exists():
        time.sleep(RETRY_S)
    Agent(os.open(PORT, os.O_RDWR)).serve()


if __name__ == "__main__":
    main()
