"""The registry's facts in SQL tables."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, insert, select, update

from assay.adapters.sql.engine import reading, writing
from assay.adapters.sql.schema import deployments, model_deployments, model_versions
from assay.errors import ConflictError, GateError, NotFoundError
from assay.registry.store import Version
from assay.values import Deployment, Stage

_VERSION_COLUMNS = tuple(model_versions.c[name] for name in Version.__struct_fields__)

_END_OF_INTEGERS = 1 << 31


class SqlRegistry:
    """A `RegistryStore`. Every change takes the write lock before it reads what it decides on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, version: Version) -> Version:
        with writing(self._engine) as connection:
            same = model_versions.c.release_digest == version.release_digest
            existing = _find(connection, _versions_of(version.classifier).where(same))
            if existing is not None:
                return existing
            newest = select(func.max(model_versions.c.version)).where(model_versions.c.classifier == version.classifier)
            values = {name: getattr(version, name) for name in Version.__struct_fields__}
            values["version"] = (connection.execute(newest).scalar() or 0) + 1
            connection.execute(insert(model_versions).values(values))
            return Version(**values)

    def classifiers(self) -> Sequence[str]:
        with reading(self._engine) as connection:
            return _classifiers(connection)

    def versions(self, classifier: str) -> Sequence[Version]:
        with reading(self._engine) as connection:
            rows = connection.execute(_versions_of(classifier).order_by(model_versions.c.version)).mappings().all()
            if not rows:
                raise _unknown(classifier, _classifiers(connection))
            return [Version(**row) for row in rows]

    def version(self, classifier: str, number: int) -> Version:
        with reading(self._engine) as connection:
            return _one_version(connection, classifier, number)

    def set_stage(self, classifier: str, number: int, stage: Stage, *, by: str, at: float) -> Version:
        with writing(self._engine) as connection:
            version = _one_version(connection, classifier, number)
            if stage in ("staging", "production"):
                _check_passed(version)
            marked = (
                update(model_versions)
                .where(model_versions.c.classifier == classifier, model_versions.c.version == number)
                .values(stage=stage, approved_by=by, approved_at=at)
            )
            connection.execute(marked)
            return _one_version(connection, classifier, number)

    def deployment(self, classifier: str) -> Deployment | None:
        with reading(self._engine) as connection:
            row = connection.execute(_CURRENT.where(deployments.c.classifier == classifier)).mappings().one_or_none()
            return None if row is None else Deployment(**row)

    def deployments(self) -> Sequence[Deployment]:
        with reading(self._engine) as connection:
            return [
                Deployment(**row) for row in connection.execute(_CURRENT.order_by(deployments.c.classifier)).mappings()
            ]

    def deploy(
        self, classifier: str, version: int, *, expected_generation: int, by: str, at: float, reason: str = ""
    ) -> Deployment:
        with writing(self._engine) as connection:
            wanted = _one_version(connection, classifier, version)
            _check_passed(wanted)
            of_classifier = deployments.c.classifier == classifier
            now = connection.execute(select(deployments.c.generation).where(of_classifier)).scalar() or 0
            if now != expected_generation:
                raise ConflictError(
                    f"the deployment of {classifier} is at generation {now}, not {expected_generation}",
                    remedy="somebody changed it in the meantime: look at it and try again",
                )
            generation = now + 1
            deployment_id = _append_history(connection, wanted, generation, by=by, at=at, reason=reason)
            row = {"generation": generation, "deployment_id": deployment_id}
            if now:
                connection.execute(update(deployments).where(of_classifier).values(row))
            else:
                connection.execute(insert(deployments).values(classifier=classifier, **row))
            return Deployment(classifier, generation, deployment_id, version, at, by, reason=reason)

    def history(self, classifier: str) -> Sequence[Deployment]:
        with reading(self._engine) as connection:
            of_classifier = model_deployments.c.classifier == classifier
            rows = connection.execute(_HISTORY.where(of_classifier).order_by(model_deployments.c.generation))
            return [Deployment(**row) for row in rows.mappings()]


_HISTORY = select(
    model_deployments.c.classifier,
    model_deployments.c.generation,
    model_deployments.c.id.label("deployment_id"),
    *(model_deployments.c[name] for name in Deployment.__struct_fields__[3:]),
)
_CURRENT = _HISTORY.join_from(deployments, model_deployments, deployments.c.deployment_id == model_deployments.c.id)


def _versions_of(classifier: str) -> Select[Any]:
    return select(*_VERSION_COLUMNS).where(model_versions.c.classifier == classifier)


def _find(connection: Connection, query: Select[Any]) -> Version | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Version(**row)


def _one_version(connection: Connection, classifier: str, number: int) -> Version:
    wanted = _versions_of(classifier).where(model_versions.c.version == number)
    version = _find(connection, wanted) if 0 < number < _END_OF_INTEGERS else None
    if version is not None:
        return version
    numbers = select(model_versions.c.version).where(model_versions.c.classifier == classifier)
    known = connection.execute(numbers.order_by(model_versions.c.version.desc()).limit(5)).scalars().all()
    if not known:
        raise _unknown(classifier, _classifiers(connection))
    newest = ", ".join(str(one) for one in known)
    raise NotFoundError(f"{classifier} has no version {number}", remedy=f"its newest versions are {newest}")


def _append_history(
    connection: Connection, version: Version, generation: int, *, by: str, at: float, reason: str
) -> int:
    """Close the active row of the history and append the next one; returns its id."""
    active = (model_deployments.c.classifier == version.classifier) & model_deployments.c.active
    connection.execute(update(model_deployments).where(active).values(active=False, deactivated_at=at))
    appended = insert(model_deployments).values(
        classifier=version.classifier,
        generation=generation,
        version=version.version,
        type="production",
        canary_share=0.0,
        salt="",
        deployed_at=at,
        deployed_by=by,
        reason=reason,
        metrics=version.metrics,
        active=True,
    )
    deployment_id: int = connection.execute(appended.returning(model_deployments.c.id)).scalar_one()
    return deployment_id


def _check_passed(version: Version) -> None:
    if not version.passed:
        raise GateError(
            f"{version.classifier}@{version.version} did not pass its gates",
            remedy=f"assay show {version.classifier}@{version.version} says which and why",
        )


def _classifiers(connection: Connection) -> list[str]:
    names = select(model_versions.c.classifier).distinct().order_by(model_versions.c.classifier)
    return list(connection.execute(names).scalars())


def _unknown(classifier: str, known: Sequence[str]) -> NotFoundError:
    close = get_close_matches(classifier, known, n=3, cutoff=0.4)
    if close:
        remedy = f"did you mean {' or '.join(close)}?"
    else:
        remedy = f"name one of {', '.join(known[:10])}" if known else "train one first: assay train"
    return NotFoundError(f"there is no classifier named {classifier}", remedy=remedy)
