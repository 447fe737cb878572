"""Runs the console examples of a document and compares what they print with what the document says.

A block is marked `console`; lines that begin with `$ ` are commands, the others what they print on standard output, in
which `...` stands for anything. A command that ends in `&` is left running until the document's end; what it prints on
standard error counts too. The port 8000 is replaced by a free one. A block marked `pycon` is run by doctest.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCTEST = "python -m doctest -o ELLIPSIS -o NORMALIZE_WHITESPACE"
TIMEOUT_S = 120.0
STOP_S = 30.0
TOOLS = ("curl", "make", "jq")


@dataclass(frozen=True)
class Example:
    """One command with the lines that it should print."""

    line: int
    command: str
    output: list[str]

    @property
    def tools(self) -> list[str]:
        """Programs it uses that a machine may lack."""
        return [tool for tool in TOOLS if re.search(rf"\b{tool}\b", self.command)]


def read_examples(path: Path) -> list[Example]:
    """The examples of a document, in order."""
    text = path.read_text(encoding="utf-8")
    found: list[Example] = []
    for block in BLOCK.finditer(text):
        at = text.count("\n", 0, block.start(2)) + 1
        if block[1] == "pycon":
            found.append(Example(at, f"{DOCTEST} /dev/stdin <<'PYCON'\n{block[2]}PYCON", []))
            continue
        for number, line in enumerate(block[2].splitlines(), start=at):
            if line.startswith("$ "):
                found.append(Example(number, line[2:], []))
            elif found and found[-1].command.endswith("\\"):
                found[-1] = Example(found[-1].line, f"{found[-1].command}\n{line}", [])
            elif found:
                found[-1].output.append(line)
    return found


def run_all(examples: list[Example], folder: Path, port: int) -> list[str]:
    """Run the examples one after the other in `folder`; what differs from the document, by its line."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
        "TERM": "dumb",
    }
    wrong = []
    running: list[subprocess.Popen[str]] = []
    try:
        for example in examples:
            command = example.command.replace("8000", str(port))
            expected = [line.replace("8000", str(port)) for line in example.output]
            if command.endswith("&"):
                complaints = ""
                process, printed = _start(command.rstrip("& "), folder, environment, len(expected))
                running.append(process)
            else:
                done = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=environment, check=False, timeout=TIMEOUT_S,
                    stdin=subprocess.DEVNULL, capture_output=True, text=True,
                )  # fmt: skip
                printed, complaints = done.stdout, done.stderr
            if not _matches(expected, printed):
                said = "\n".join(expected)
                wrong.append(
                    f"line {example.line}: {command}\n--- printed\n{printed}{complaints}\n--- expected\n{said}"
                )
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
            if process.stdout is not None:
                process.stdout.close()
    return wrong


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: str, folder: Path, environment: dict[str, str], lines: int) -> tuple[subprocess.Popen[str], str]:
    """Start a command in the background and read the first lines that it prints."""
    process = subprocess.Popen(
        command.split(), cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    read: list[str] = []
    full = threading.Event()

    def drain() -> None:
        for line in process.stdout or ():
            read.append(line)
            if len(read) >= lines:
                full.set()

    threading.Thread(target=drain, daemon=True).start()
    full.wait(TIMEOUT_S)
    return process, "".join(read[:lines])


def _matches(expected: list[str], printed: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output("\n".join(expected).strip(), printed.strip(), flags)
