"""An environment for each peer under build/peers: `make peers`. What could not be installed is told with its reason.

python benchmarks/peers/install.py [ENVIRONMENT ...]    all of them, or those that are named
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from table import BOTH_MODELS, PEERS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "peers"


def main() -> None:
    """Install what is not there yet; Assay itself, without its requirements, anew each time."""
    if shutil.which("uv") is None:
        sys.exit("the environments of the peers are made with uv, which is not installed")
    BUILD.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        quietly = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
        _run(sys.executable, "-m", "pip", "wheel", *quietly, "--wheel-dir", folder, str(ROOT))
        (wheel,) = Path(folder).glob("*.whl")
        for peer in PEERS:
            if wanted and peer.environment not in wanted:
                continue
            try:
                _install(BUILD / peer.environment, (*peer.requirements, *BOTH_MODELS), wheel)
            except subprocess.CalledProcessError as error:
                shutil.rmtree(BUILD / peer.environment, ignore_errors=True)
                print(f"{peer.name} cannot be installed: {reason(error.stderr)}")
            else:
                print(f"{peer.name} is installed")


def python_of(environment: str) -> Path:
    """The interpreter of an environment, whether or not it is there."""
    return BUILD / environment / "bin" / "python"


def reason(said: str) -> str:
    """The line in what a program said that tells most: its last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _install(folder: Path, requirements: tuple[str, ...], wheel: Path) -> None:
    told = folder / "requirements.txt"
    python = folder / "bin" / "python"
    if not told.exists() or told.read_text() != "\n".join(requirements):
        _run("uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run("uv", "pip", "install", "--quiet", "--python", str(python), *requirements)
        told.write_text("\n".join(requirements))
    _run("uv", "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--reinstall", str(wheel))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
