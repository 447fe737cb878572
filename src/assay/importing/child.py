"""The process that opens a pickle, and nothing else does: `python -m assay.importing.child DIRECTORY`.

Opening a pickle runs whatever code is in it. This process has no network as far as Python's own sockets go, ends at a
time limit, and gives back data only: the converted model, and what the original says of every row.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from safetensors import numpy as tensors

from assay.contract.check import without_missing
from assay.errors import AssayError, DataError
from assay.importing.native import needs, refuse
from assay.importing.pickled import ANSWER, ARRAYS, ERROR, REQUEST, ROWS, Answer, Failure, Request, split_foreign

#: Events of Python's audit (PEP 578) that reach out of the process.
_FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system")


def main(directory: Path) -> int:
    """Answer the request in `directory`; 0 done, 3 when an error for the user is written there."""
    request = msgspec.json.decode((directory / REQUEST).read_bytes(), type=Request)
    sys.addaudithook(_stay_inside)
    try:
        answer, arrays = _answer(request, pl.read_parquet(directory / ROWS))
    except AssayError as error:
        failure = Failure(kind=type(error).__name__, message=error.message, remedy=error.remedy)
        (directory / ERROR).write_bytes(msgspec.json.encode(failure))
        return 3
    (directory / ARRAYS).write_bytes(tensors.save(arrays))
    (directory / ANSWER).write_bytes(msgspec.json.encode(answer))
    return 0


def _stay_inside(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        raise PermissionError(f"an import does not do that: {event} {arguments!r}")


def _answer(request: Request, frame: pl.DataFrame) -> tuple[Answer, dict[str, np.ndarray[Any, Any]]]:
    from sklearn.pipeline import Pipeline

    from assay.importing.estimators import read_estimator
    from assay.importing.transformers import Notes, columns_of, walk

    model, notices = _load(Path(request.model))
    if not hasattr(model, "predict") or not hasattr(model, "classes_"):
        raise DataError(
            f"{Path(request.model).name} holds a {type(model).__name__}, not a fitted classifier",
            remedy="save the fitted pipeline itself, with its classifier as the last step",
        )
    notes = Notes()
    inputs, taken = columns_of(model, frame.columns, request.text)
    before = Pipeline(model.steps[:-1]) if isinstance(model, Pipeline) else None
    estimator = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if before is not None and before.steps:
        inputs = walk(before, inputs, notes)
    foreign, ask = read_estimator(estimator, inputs, notes)
    lacking = [name for name in taken.get("columns", ()) if name not in frame.columns]
    if lacking:
        raise DataError(
            f"{len(lacking)} columns that the pipeline takes are not in the data: {', '.join(lacking[:12])}",
            remedy="give the data with the columns that the model was fitted on",
        )
    rows = _rows(frame, request.missing, notes.strings, taken)
    try:
        matrix = before.transform(rows) if before is not None and before.steps else rows
        scores = ask(matrix)
    except AssayError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the original raises is told
        raise DataError(
            f"the original cannot answer the rows of the data: {str(error).splitlines()[0]}",
            remedy="give the data that the model was fitted on, or rows like it",
        ) from None
    answer, arrays = split_foreign(foreign, notices)
    return answer, {**arrays, "scores": np.ascontiguousarray(scores), **_matrix_arrays(matrix)}


def _load(path: Path) -> tuple[Any, tuple[str, ...]]:
    import joblib

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            model = joblib.load(path)
        except ModuleNotFoundError as error:
            raise refuse(
                f"{path.name}, which needs the module {error.name} that is not installed here,",
                f"install {error.name}, or fit the pipeline without code of your own",
            ) from None
        except Exception as error:  # noqa: BLE001 - a pickle can raise anything
            raise DataError(f"{path.name} is not a readable pickle: {type(error).__name__}: {error}") from None
    versions = sorted(
        {str(each.message).split(". ")[0] for each in warned if "version" in type(each.message).__name__.lower()}
    )
    return model, tuple(versions[:1])


def _rows(frame: pl.DataFrame, missing: tuple[str, ...], strings: set[str], taken: Any) -> Any:
    """The rows as pandas reads them from a file: numbers where all are numbers, else strings, NaN where missing."""
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise needs("pandas") from None
    if "text" in taken:
        return [text or "" for text in frame[taken["text"]].cast(pl.String).to_list()]
    columns = {name: _series(frame[name], missing, as_string=name in strings) for name in taken["columns"]}
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def _series(series: pl.Series, missing: tuple[str, ...], *, as_string: bool) -> np.ndarray[Any, Any]:
    plain = without_missing(series, missing)
    if series.dtype == pl.Boolean and not as_string and not plain.null_count():
        return plain.to_numpy()
    if not as_string and series.dtype != pl.Boolean:
        stripped = plain.str.strip_chars() if plain.dtype == pl.String else plain
        numbers = stripped.cast(pl.Float64, strict=False)
        if numbers.null_count() == plain.null_count():
            array = numbers.to_numpy().astype(np.float64)
            whole = not np.isnan(array).any() and (array == np.floor(array)).all() and (np.abs(array) < 2**53).all()
            return array.astype(np.int64) if whole else array
    cells = np.empty(len(plain), dtype=object)
    cells[:] = [np.nan if value is None else str(value) for value in plain.cast(pl.String).to_list()]
    words = {"true": True, "false": False}
    if not as_string and all(str(cell).strip().lower() in words for cell in cells):
        return np.array([words[cell.strip().lower()] for cell in cells])
    return cells


def _matrix_arrays(matrix: Any) -> dict[str, np.ndarray[Any, Any]]:
    """What the classifier itself was given, to find out where a difference begins."""
    if hasattr(matrix, "tocsr"):
        rows = matrix.tocsr()
        rows.sort_indices()
        return {
            "matrix.values": rows.data.astype(np.float64),
            "matrix.indices": rows.indices.astype(np.int64),
            "matrix.indptr": rows.indptr.astype(np.int64),
        }
    return {"matrix": np.ascontiguousarray(np.asarray(matrix, dtype=np.float64))}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
