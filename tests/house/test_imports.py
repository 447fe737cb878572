"""Who may import what: the rooms downwards only, and each third-party package in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT, SRC, place, python_files, tree

#: Every third-party package that the code imports, and the only places (files or rooms) that may.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "alembic": ("adapters/sql",),
    "catboost": ("importing",),
    "charset_normalizer": ("data/encoding.py",),
    "fastapi": ("api",),
    "google": ("rpc",),
    "grpc": ("rpc",),
    "httptools": ("api",),
    "jinja2": ("report",),
    "joblib": ("importing/child.py",),
    "lightgbm": ("training", "importing"),
    "markupsafe": ("report",),
    "msgspec": ("",),
    "numpy": ("",),
    "onnx": ("importing",),
    "onnxruntime": ("importing",),
    "optuna": ("training/search.py",),
    "pandas": ("importing/child.py",),
    "polars": ("contract/infer.py", "contract/check.py", "data", "training", "batch", "importing"),
    "prometheus_client": ("serving/metrics.py", "api"),
    "pydantic": ("spec", "settings.py", "api"),
    "pydantic_core": ("spec",),
    "pyarrow": ("batch",),
    "pytest": ("testing",),
    "rich": ("cli",),
    "safetensors": ("release", "training", "importing"),
    "scipy": ("training",),
    "sklearn": ("training", "importing"),
    "sqlalchemy": ("adapters/sql", "app.py"),
    "starlette": ("api",),
    "fastapi_offline": ("api",),
    "threadpoolctl": ("training", "importing"),
    "typer": ("cli",),
    "uvicorn": ("api",),
    "uvloop": ("api",),
    "xgboost": ("importing",),
    "yaml": ("spec",),
    "zstandard": ("data/unpack.py",),
}
#: What no room may use at all: formats that execute code when read.
#: but the process that opens a pickle when told to, and gives back data (decision 0037).
PICKLES = "src/assay/importing/child.py"
DANGEROUS = {"pickle", "cloudpickle", "joblib", "marshal", "shelve", "dill"}
HEAVY = {
    "pandas",
    "polars",
    "sklearn",
    "scipy",
    "lightgbm",
    "mlflow",
    "shap",
    "evidently",
    "torch",
    "pyarrow",
    "xgboost",
    "catboost",
    "onnx",
    "onnxruntime",
}
SERVING = (
    "contract.decode", "contract.table", "features.row", "features.frame", "models.linear", "models.trees",
    "models.store", "policy.apply", "release.core", "release.bundle", "release.parity", "registry.releases",
    "records.spool", "records.shipper", "adapters.sql.registry", "adapters.sql.log", "adapters.blobs",
    "serving.predictor", "serving.loader", "serving.explain", "api.server", "api.hot", "api.run", "app",
    "inference.service", "rpc.server",
)  # fmt: skip


def _imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.partition(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append((node.lineno, (node.module or "").partition(".")[0]))
    return found


def test_imports_point_down_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_third_party_package_has_its_place() -> None:
    strangers = []
    for path in python_files("src"):
        room = path.relative_to(SRC).as_posix()
        for line, name in _imports(path):
            if name in sys.stdlib_module_names or name == "assay":
                continue
            allowed = THIRD_PARTY.get(name, ())
            if not any(not where or room == where or room.startswith(f"{where}/") for where in allowed):
                strangers.append(f"{place(path, line)}: {name}")
    assert strangers == []


def test_nothing_can_be_executed_by_reading_it() -> None:
    assert [
        place(path, line)
        for path in python_files("src")
        for line, name in _imports(path)
        if name in DANGEROUS and place(path) != PICKLES
    ] == []


def test_code_is_generated_in_one_place_only() -> None:
    places = {
        place(path)
        for path in python_files("src")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"eval", "exec", "compile"}
    }
    assert places <= {"src/assay/models/codegen.py"}


def test_serving_modules_load_no_training_library() -> None:
    done = _python(f"import importlib, sys\nfor name in {SERVING!r}:\n    importlib.import_module('assay.' + name)\n"
                   f"print(sorted({HEAVY!r} & set(sys.modules)))")  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_nothing_happens_at_import(tmp_path: Path) -> None:
    names = sorted(
        "assay." + path.relative_to(SRC).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for path in python_files("src")
        if path.name not in {"__main__.py", "env.py"} and "versions" not in path.parts and path != SRC / "__init__.py"
    )
    done = _python(
        "import importlib, logging, os, threading\n"
        f"for name in {names!r}:\n    importlib.import_module(name)\n"
        "print(logging.getLogger().handlers, threading.active_count(), os.listdir())",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[] 1 []"), done.stderr


@pytest.mark.parametrize("path", python_files("src"), ids=place)
def test_a_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    said = ast.get_docstring(tree(path))
    assert said, "no docstring"
    assert len(said.splitlines()) <= 12, "longer than a reader wants before the code"


def _python(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
