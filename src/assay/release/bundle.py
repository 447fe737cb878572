"""The immutable bundle: a release's parts and the files they are stored as. No file system here, only bytes.

Nothing in a bundle is code: JSON for what is data, safetensors for arrays. Equal parts give equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors import numpy as tensors

from assay.contract.columns import Contract
from assay.errors import ReleaseError
from assay.features.plan import FeaturePlan
from assay.policy.policy import Policy
from assay.release.fallback import ModelFallback, RuleFallback, StoredFallback
from assay.values import Decision

MAX_FILES = 64
MAX_BYTES = 2 << 30

CONTRACT, PLAN, MODEL, ARRAYS = "contract.json", "plan.json", "model.json", "arrays.safetensors"
POLICY, PROFILE, PARITY = "policy.json", "profile.json", "parity.jsonl"
FALLBACK, FALLBACK_ARRAYS, SERVING = "fallback.json", "fallback.safetensors", "serving.json"
#: The files of every release, and those that only some have: what `release_digest` covers.
RELEASE_FILES = (CONTRACT, PLAN, MODEL, ARRAYS, POLICY, PROFILE, PARITY)
FURTHER_FILES = (FALLBACK, FALLBACK_ARRAYS, SERVING)

_PLAN_ARRAYS, _MODEL_ARRAYS = "plan/", "model/"

T = TypeVar("T")

#: An example as a caller would send it: JSON values by column.
Example = Mapping[str, bool | float | str | None]


class ParityExample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One synthetic example, as a request would say it, and everything the core made of it; and its fallback."""

    example: dict[str, bool | float | str | None]
    dense: tuple[float, ...]
    indices: tuple[int, ...]
    values: tuple[float, ...]
    scores: tuple[float, ...]
    decision: Decision
    fallback: Decision | None = None


class ModelKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What kind of model the arrays are."""

    kind: str


class CachePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores are good for `ttl_s` seconds; a worker keeps those of `size` examples."""

    ttl_s: float
    size: int


class ServingPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the release wants to be served."""

    cache: CachePlan | None = None


_USUAL = ServingPlan()


@dataclass(frozen=True, slots=True)
class Bundle:
    """The parts of a release.

    `plan_arrays` and `model_arrays` hold the arrays of the feature plan and of the model under their own names;
    `profile` is the reference profile as plain JSON values.
    """

    classifier: str
    contract: Contract
    plan: FeaturePlan
    plan_arrays: Mapping[str, NDArray[Any]]
    kind: str
    model_arrays: Mapping[str, NDArray[Any]]
    policy: Policy
    profile: Mapping[str, Any]
    parity: tuple[ParityExample, ...] = ()
    fallback: StoredFallback | None = None
    serving: ServingPlan = _USUAL


def write_files(bundle: Bundle) -> dict[str, bytes]:
    """The release files of a bundle, byte for byte the same for equal parts."""
    return {
        CONTRACT: _as_read(bundle.contract),
        PLAN: _as_read(bundle.plan),
        MODEL: _as_read(ModelKind(bundle.kind)),
        ARRAYS: _join(bundle.plan_arrays, bundle.model_arrays),
        POLICY: _as_read(bundle.policy),
        PROFILE: canonical_json(bundle.profile),
        PARITY: b"".join(_as_read(example) + b"\n" for example in bundle.parity),
        **(_write_fallback(bundle.fallback) if bundle.fallback is not None else {}),
        **({SERVING: _as_read(bundle.serving)} if bundle.serving != _USUAL else {}),
    }


def read_files(classifier: str, files: Mapping[str, bytes]) -> Bundle:
    """The parts, from files whose digests were checked.

    Raises:
        ReleaseError: a file is missing or does not hold what its name says; names the file.
    """
    if missing := [name for name in RELEASE_FILES if name not in files]:
        raise ReleaseError(f"the release of {classifier} has no {', '.join(missing)}")
    arrays = _parse(ARRAYS, files, tensors.load)
    return Bundle(
        classifier=classifier,
        contract=read_contract_file(files[CONTRACT]),
        plan=_parse(PLAN, files, msgspec.json.Decoder(FeaturePlan).decode),
        plan_arrays=_strip(arrays, _PLAN_ARRAYS),
        kind=_parse(MODEL, files, msgspec.json.Decoder(ModelKind).decode).kind,
        model_arrays=_strip(arrays, _MODEL_ARRAYS),
        policy=_parse(POLICY, files, msgspec.json.Decoder(Policy).decode),
        profile=_parse(PROFILE, files, msgspec.json.Decoder(dict[str, Any]).decode),
        parity=tuple(_parse(PARITY, files, msgspec.json.Decoder(ParityExample).decode_lines)),
        fallback=_read_fallback(files) if FALLBACK in files else None,
        serving=_parse(SERVING, files, msgspec.json.Decoder(ServingPlan).decode) if SERVING in files else _USUAL,
    )


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by name as one safetensors file."""
    return tensors.save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def read_contract_file(content: bytes) -> Contract:
    """The contract alone. Raises ReleaseError."""
    return _parse(CONTRACT, {CONTRACT: content}, msgspec.json.Decoder(Contract).decode)


def release_digest(files: Mapping[str, bytes]) -> str:
    """The digest of a release, from its files."""
    names = [name for name in (*RELEASE_FILES, *FURTHER_FILES) if name in RELEASE_FILES or name in files]
    return digest_of({name: sha256(files[name]) for name in names})


def digest_of(digests: Mapping[str, str]) -> str:
    """The digest of a release, from the names of exactly its files and their SHA-256."""
    return sha256(canonical_json(digests))


def model_digest(bundle: Bundle) -> str:
    """SHA-256 over all that makes raw scores of an example, and the classifier's name: the policy does not count."""
    parts = (_as_read(bundle.contract), _as_read(bundle.plan), bundle.kind.encode(), bundle.classifier.encode())
    arrays = _join(bundle.plan_arrays, bundle.model_arrays)
    return digest_of({str(at): sha256(part) for at, part in enumerate((*parts, arrays))})


def policy_digest(policy: Policy) -> str:
    """SHA-256 over the policy's file."""
    return sha256(_as_read(policy))


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and the shortest numbers that read back exactly."""
    return msgspec.json.encode(value, order="sorted")


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def _write_fallback(fallback: StoredFallback) -> dict[str, bytes]:
    files = {FALLBACK: _as_read(fallback.told)}
    if isinstance(fallback.told, ModelFallback):
        files[FALLBACK_ARRAYS] = _join(fallback.plan_arrays, fallback.model_arrays)
    return files


def _read_fallback(files: Mapping[str, bytes]) -> StoredFallback:
    told = _parse(FALLBACK, files, msgspec.json.Decoder(RuleFallback | ModelFallback).decode)
    if isinstance(told, ModelFallback) != (FALLBACK_ARRAYS in files):
        raise ReleaseError(f"{FALLBACK} and {FALLBACK_ARRAYS} do not belong together")
    arrays = _parse(FALLBACK_ARRAYS, files, tensors.load) if FALLBACK_ARRAYS in files else {}
    return StoredFallback(told, _strip(arrays, _PLAN_ARRAYS), _strip(arrays, _MODEL_ARRAYS))


def _join(plan_arrays: Mapping[str, NDArray[Any]], model_arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays of a plan and of a model in one file."""
    arrays = {_PLAN_ARRAYS + name: array for name, array in plan_arrays.items()}
    return write_arrays(arrays | {_MODEL_ARRAYS + name: array for name, array in model_arrays.items()})


def _as_read(value: msgspec.Struct) -> bytes:
    """The bytes that come out again after reading: an integer where a float belongs is written as a float."""
    try:
        return canonical_json(msgspec.json.decode(canonical_json(value), type=type(value)))
    except msgspec.ValidationError as error:
        raise ReleaseError(f"a {type(value).__name__} cannot be stored: {error}") from error


def _parse(name: str, files: Mapping[str, bytes], parse: Callable[[bytes], T]) -> T:
    try:
        return parse(files[name])
    except (msgspec.DecodeError, UnicodeDecodeError, safetensors.SafetensorError) as error:
        raise ReleaseError(f"{name} cannot be read: {error}") from error


def _strip(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
