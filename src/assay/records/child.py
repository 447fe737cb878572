"""The process that ships for a server: how its parent keeps one running, and how it obeys.

The two are tied by a pipe. The first line tells the child what to ship, the line `drain SECONDS` to ship the rest and
end; when the pipe ends its parent is gone, however that died, and the child goes too. Its own first line says that it
has begun to drain.
"""

from __future__ import annotations

import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from io import RawIOBase
from pathlib import Path

from assay.errors import StorageError
from assay.records.log import go_on
from assay.records.shipper import Shipper
from assay.records.turn import hold_presence

logger = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 15.0
_LIVED_S = 30.0
_LAST_BATCH_S = 0.5
_GRACE_S = 2.0
_LOOK_S = 0.25
# Of the time for draining, what one that was told to drain has to begin with it.
_TO_BEGIN = 0.2


class ShipperProcess:
    """Keeps one process running that ships all spools under `root`, from `begin` until `close`. While it lives
    `is_present(root)`.

    `command` starts it and `plan` is its first line. One that dies is replaced after `pause_s`, doubled each time.

    Raises:
        StorageError: `root` cannot be written, or no process can be started.
    """

    def __init__(self, root: Path, command: Sequence[str], plan: bytes, *, pause_s: float = 0.5) -> None:
        self._root = root
        self._command = command
        self._plan = plan
        self._pause_s = pause_s
        self._begun = False
        self._closing = threading.Event()
        self._replacing = threading.Lock()
        try:
            self._process = self._spawn()
        except OSError as error:
            raise StorageError(f"the process that ships the log cannot be started: {error.strerror}") from error
        self._watch = threading.Thread(target=self._keep_running, name="assay-shipping", daemon=True)
        self._watch.start()

    def begin(self) -> None:
        """Tell it what to ship. It loads what it needs only then, and leaves the processor to who starts beside it."""
        with self._replacing:
            if not self._begun:
                self._begun = True
                self._tell(self._process, self._plan + b"\n")

    @property
    def pid(self) -> int:
        """Of the newest one."""
        return self._process.pid

    def close(self, timeout_s: float) -> bool:
        """Have what is left in spools that nobody writes any more shipped. False when that was not possible in time."""
        deadline = time.monotonic() + timeout_s
        self.begin()
        with self._replacing:
            self._closing.set()
            if self._process.poll() is not None:
                self._replace()
            self._tell(self._process, b"drain %.3f\n" % timeout_s)
            if not self._heeds(_TO_BEGIN * timeout_s):
                logger.warning("the process that ships the log does not come to the processor; another one drains it")
                self._process.kill()
                self._process.wait()
                self._replace()
                self._tell(self._process, b"drain %.3f\n" % (deadline - time.monotonic()))
            process = self._process
        try:
            code = process.wait(deadline + _GRACE_S - time.monotonic())
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._watch.join()
        _close_pipes(process)
        if code != 0:
            logger.warning("the log is not shipped whole; the next server ships the rest")
        return code == 0

    def _heeds(self, timeout_s: float) -> bool:
        """Whether it says in time that it drains, or ends."""
        said = self._process.stdout
        return said is None or bool(select.select([said], [], [], max(0.0, timeout_s))[0])

    def _spawn(self) -> subprocess.Popen[bytes]:
        presence = hold_presence(self._root)
        try:
            process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=(presence,)
            )
        finally:
            os.close(presence)
        if self._begun:
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
        _close_pipes(ended)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def obey(
    shipper: Shipper,
    commands: RawIOBase,
    leave: Callable[[int], object] = os._exit,
    lower: Callable[[], None] = go_on,
    heed: Callable[[], object] = go_on,
) -> bool:
    """Ship until told to drain or until the pipe ends; whether everything was shipped.

    It is shipped from a thread that `lower` gives the lowest priority, and from this one where that is not enough. Told
    to drain, this one does, and calls `heed` before. `leave` ends the process when its parent is gone and a batch or a
    drain holds it.
    """
    if not select.select([commands], [], [], 0)[0]:
        shipper.start(lower)
        while not select.select([commands], [], [], 0 if shipper.keep_up() else _LOOK_S)[0]:
            pass
    line = commands.readline()
    if not line:
        if not shipper.stop(_LAST_BATCH_S):
            leave(1)
        return False
    timeout_s = float(line.split()[1])
    threading.Thread(target=_end_with, args=(commands, leave), daemon=True).start()
    deadline = time.monotonic() + timeout_s
    if not shipper.stop(timeout_s):
        return False
    heed()
    return shipper.drain(deadline - time.monotonic())


def _end_with(commands: RawIOBase, leave: Callable[[int], object]) -> None:
    while commands.readline():
        pass
    leave(1)
