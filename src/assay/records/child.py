"""The process that ships for a server: how its parent keeps one running, and how it obeys.

The two are tied by a pipe. The first line tells the child what to ship, the line `drain SECONDS` to ship the rest and
end; when the pipe ends its parent is gone, however that died, and the child goes too.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from io import RawIOBase
from pathlib import Path

from assay.errors import StorageError
from assay.records.shipper import Shipper
from assay.records.turn import hold_presence

logger = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 15.0
_LIVED_S = 30.0
_LAST_BATCH_S = 0.5
_GRACE_S = 2.0


class ShipperProcess:
    """Keeps one process running that ships all spools under `root`, until `close`. While it lives `is_present(root)`.

    `command` starts it and `plan` is its first line. One that dies is replaced after `pause_s`, doubled each time.

    Raises:
        StorageError: `root` cannot be written, or no process can be started.
    """

    def __init__(self, root: Path, command: Sequence[str], plan: bytes, *, pause_s: float = 0.5) -> None:
        self._root = root
        self._command = command
        self._plan = plan
        self._pause_s = pause_s
        self._closing = threading.Event()
        self._replacing = threading.Lock()
        try:
            self._process = self._spawn()
        except OSError as error:
            raise StorageError(f"the process that ships the log cannot be started: {error.strerror}") from error
        self._watch = threading.Thread(target=self._keep_running, name="assay-shipping", daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int:
        """Of the newest one."""
        return self._process.pid

    def close(self, timeout_s: float) -> bool:
        """Have what is left in spools that nobody writes any more shipped. False when that was not possible in time."""
        with self._replacing:
            self._closing.set()
            if self._process.poll() is not None:
                self._replace()
            process = self._process
        self._tell(process, b"drain %.3f\n" % timeout_s)
        try:
            code = process.wait(timeout_s + _GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._watch.join()
        if process.stdin is not None:
            process.stdin.close()
        if code != 0:
            logger.warning("the log is not shipped whole; the next server ships the rest")
        return code == 0

    def _spawn(self) -> subprocess.Popen[bytes]:
        presence = hold_presence(self._root)
        try:
            process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0, pass_fds=(presence,)
            )
        finally:
            os.close(presence)
        self._tell(process, self._plan + b"\n")
        return process

    def _tell(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        try:
            if process.stdin is not None:
                process.stdin.write(line)
        except OSError as error:
            logger.warning("the process that ships the log is gone: %s", error.strerror)

    def _keep_running(self) -> None:
        pause, begun = self._pause_s, time.monotonic()
        while True:
            code = self._process.wait()
            if time.monotonic() - begun > _LIVED_S:
                pause = self._pause_s
            if not self._closing.is_set():
                logger.warning("the process that ships the log ended (%d), a new one starts in %.1f s", code, pause)
            if self._closing.wait(pause):
                return
            with self._replacing:
                if not self._closing.is_set():
                    self._replace()
            pause, begun = min(pause * 2, _LONGEST_PAUSE_S), time.monotonic()

    def _replace(self) -> None:
        ended = self._process
        try:
            self._process = self._spawn()
        except OSError as error:
            logger.warning("no process can be started to ship the log: %s", error.strerror)
            return
        if ended.stdin is not None:
            ended.stdin.close()


def obey(shipper: Shipper, commands: RawIOBase, leave: Callable[[int], object] = os._exit) -> bool:
    """Ship until told to drain or until the pipe ends; whether everything was shipped.

    `leave` ends the process when its parent is gone and a batch or a drain holds it.
    """
    shipper.start()
    line = commands.readline()
    if not line:
        if not shipper.stop(_LAST_BATCH_S):
            leave(1)
        return False
    timeout_s = float(line.split()[1])
    threading.Thread(target=_end_with, args=(commands, leave), daemon=True).start()
    deadline = time.monotonic() + timeout_s
    return shipper.stop(timeout_s) and shipper.drain(deadline - time.monotonic())


def _end_with(commands: RawIOBase, leave: Callable[[int], object]) -> None:
    while commands.readline():
        pass
    leave(1)
