"""What kind of model a file holds: by its content, which its name must agree with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from assay.errors import DataError, NotSupportedError
from assay.importing.catboost_model import open_catboost
from assay.importing.lightgbm_model import open_lightgbm
from assay.importing.native import Native
from assay.importing.onnx_model import open_onnx
from assay.importing.xgboost_model import open_xgboost

Form = Literal["LightGBM text", "XGBoost JSON", "XGBoost UBJ", "CatBoost JSON", "CatBoost binary", "ONNX", "pickle"]

#: Readers of everything but pickles, which are opened elsewhere.
READERS: Mapping[Form, Callable[[Path], Native]] = {
    "LightGBM text": open_lightgbm,
    "XGBoost JSON": open_xgboost,
    "XGBoost UBJ": open_xgboost,
    "CatBoost JSON": lambda path: open_catboost(path, "json"),
    "CatBoost binary": lambda path: open_catboost(path, "cbm"),
    "ONNX": open_onnx,
}


class _Suffix(NamedTuple):
    """The forms that files of a suffix may have, and what the suffix promises."""

    forms: tuple[Form, ...]
    promise: str


_SUFFIXES: Mapping[str, _Suffix] = {
    ".txt": _Suffix(("LightGBM text",), "a LightGBM model"),
    ".lgb": _Suffix(("LightGBM text",), "a LightGBM model"),
    ".json": _Suffix(("XGBoost JSON", "CatBoost JSON"), "an XGBoost or CatBoost model"),
    ".ubj": _Suffix(("XGBoost UBJ",), "an XGBoost model"),
    ".cbm": _Suffix(("CatBoost binary",), "a CatBoost model"),
    ".onnx": _Suffix(("ONNX",), "an ONNX model"),
    ".pkl": _Suffix(("pickle",), "a pickled scikit-learn pipeline"),
    ".pickle": _Suffix(("pickle",), "a pickled scikit-learn pipeline"),
    ".joblib": _Suffix(("pickle",), "a pickled scikit-learn pipeline"),
}
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x78")


def recognise(path: Path) -> Form:
    """The form of a model file.

    Raises:
        DataError: there is no such file, its suffix is unknown, or it is not what its suffix says.
        NotSupportedError: LightGBM's JSON, which LightGBM itself cannot read.
    """
    suffix = _SUFFIXES.get(path.suffix.lower())
    if suffix is None:
        raise DataError(
            f"{path.name} has no suffix of a model file that can be imported",
            remedy="known suffixes are " + ", ".join(_SUFFIXES),
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", remedy="check the name of the model file") from None
    form = _form(content, "ONNX" if path.suffix.lower() == ".onnx" else None)
    if form not in suffix.forms:
        looks = "nothing that can be imported" if form is None else form
        raise DataError(
            f"{path.name} is not {suffix.promise}: it looks like {looks}",
            remedy="check the file, or give it the suffix of what it is",
        )
    return form


def _form(content: bytes, otherwise: Form | None) -> Form | None:
    """The form by the first bytes; an ONNX file has none of its own and is known once it is parsed."""
    if content.startswith(b"tree\n"):
        return "LightGBM text"
    if content.startswith(b"CBM1"):
        return "CatBoost binary"
    if content.startswith((b"{L", b"{l", b"{U", b"{i")) and b"learner" in content[:200]:
        return "XGBoost UBJ"
    if content.lstrip()[:1] == b"{":
        return _json_form(content)
    if content[:1] == b"\x80" or content.startswith(_COMPRESSED):
        return "pickle"
    return otherwise


def _json_form(content: bytes) -> Form | None:
    try:
        keys = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    if "learner" in keys:
        return "XGBoost JSON"
    if "features_info" in keys:
        return "CatBoost JSON"
    if "tree_info" in keys:
        raise NotSupportedError(
            "LightGBM's JSON cannot be read back by LightGBM, so nothing could be compared with it",
            remedy='save the model as text: booster.save_model("model.txt")',
        )
    return None
