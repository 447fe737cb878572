"""`assay releases`, `assay show`, `assay promote`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer
from rich.console import RenderableType
from rich.text import Text

from assay.cli.card import CARD_FILE, render_card
from assay.cli.terminal import JsonOption, Listing, emit, minute, notice
from assay.errors import ConfigurationError, StorageError
from assay.values import Stage

if TYPE_CHECKING:
    from assay.app import App
    from assay.registry.store import Version

#: A list has room for the first two that its releases have.
_TELLING = ("roc_auc", "f1", "accuracy", "pr_auc", "log_loss")
_SHOWN_METRICS = 2
_DIGEST_SHOWN = 8
_REPORT_FILE = "report.html"

ReleaseArgument = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION|@champion]", help="spam, spam@3, spam@champion.")
]


def releases(
    name: Annotated[str | None, typer.Argument(help="A classifier; without it, all of them.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List releases, oldest first."""
    from assay.app import open_app

    app = open_app()
    names = [name] if name is not None else app.registry.classifiers()
    found = [version for one in names for version in app.registry.versions(one)]
    serving = {one.classifier: one.version for one in app.registry.deployments()}
    listed = [_summary(version, deployed=serving.get(version.classifier) == version.version) for version in found]
    if listed or as_json:
        emit(listed, _listing(listed), as_json=as_json)
    else:
        notice(f"there is no release in {app.home}; assay train makes one")


def show(
    reference: ReleaseArgument,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the release's report, an HTML page, to this file too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The card of a release: what it is, how good it is and where it comes from; with --report its report too."""
    from assay.app import open_app
    from assay.registry.releases import read_evidence, resolve

    app = open_app()
    version = resolve(reference, app.registry)
    if report is not None:
        write_report(report, read_evidence(version, app.blobs, _REPORT_FILE))
    card = msgspec.json.decode(read_evidence(version, app.blobs, CARD_FILE), type=dict[str, Any])
    summary = _describe(app, version)
    emit({**summary, "card": card}, render_card(summary, card), as_json=as_json)


def promote(
    reference: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The release, like spam@3.")],
    stage: Annotated[
        Literal["development", "staging", "production", "deprecated"], typer.Argument(help="The approval mark.")
    ],
    by: Annotated[str | None, typer.Option(help="Who approves; without it, the user of this terminal.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a release. To production also deploys it: servers that follow its classifier switch to it."""
    from assay.app import open_app, who
    from assay.registry.promote import promote as give_mark
    from assay.registry.releases import resolve

    if "@" not in reference:
        raise ConfigurationError(f"{reference!r} does not say which release", remedy=f"write {reference}@VERSION")
    app = open_app()
    version = resolve(reference, app.registry)
    marked, deployment = give_mark(version, stage, registry=app.registry, by=by or who(), at=time.time())
    summary = _describe(app, marked)
    emit({**summary, "deployment": deployment}, _promoted(marked, stage, deployed=summary["deployed"]), as_json=as_json)
    if stage == "deprecated" and summary["deployed"]:
        name = f"{marked.classifier}@{marked.version}"
        notice(
            f"warning: {name} still serves; a mark moves no traffic, promote another release to production", "yellow"
        )
    notice(f"state in {app.home}", "dim")


def write_report(path: Path, page: bytes) -> None:
    """Write a report's file, whole or not at all. Raises StorageError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(page)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StorageError(
            f"{path}: the report cannot be written ({error.strerror or error})",
            remedy="name a file in a directory that exists and that you can write to",
        ) from error
    notice(f"wrote {path}")


def _describe(app: App, version: Version) -> dict[str, Any]:
    deployment = app.registry.deployment(version.classifier)
    return _summary(version, deployed=deployment is not None and deployment.version == version.version)


def _summary(version: Version, *, deployed: bool) -> dict[str, Any]:
    return {
        "classifier": version.classifier,
        "version": version.version,
        "digest": version.release_digest,
        "policy_digest": version.policy_digest,
        "stage": version.stage,
        "gates": "passed" if version.passed else "failed",
        "deployed": deployed,
        "metrics": version.metrics,
        "framework": version.framework,
        "size_bytes": version.size_bytes,
        "created_at": datetime.fromtimestamp(version.created_at, UTC).isoformat(timespec="seconds"),
        "created_by": version.created_by,
        "approved_by": version.approved_by,
        "gate_uses": version.gate_uses,
    }


def _listing(listed: Sequence[Mapping[str, Any]]) -> RenderableType:
    present = {name for one in listed for name in one["metrics"]}
    metrics = {name.replace("_", " "): name for name in _TELLING if name in present}
    shown = dict([*metrics.items()][:_SHOWN_METRICS])
    cells: dict[str, list[str | Text]] = {
        "release": [Text(f"{one['classifier']}@{one['version']}", "bold" if one["deployed"] else "") for one in listed],
        "stage": [one["stage"] for one in listed],
        "gates": [Text(one["gates"], "red" if one["gates"] == "failed" else "") for one in listed],
        "serves": [Text("yes" if one["deployed"] else "", "green") for one in listed],
    }
    for heading, name in shown.items():
        cells[heading] = [f"{one['metrics'][name]:.4f}" if name in one["metrics"] else "" for one in listed]
    cells["created (UTC)"] = [minute(one["created_at"]) for one in listed]
    cells["digest"] = [one["digest"][:_DIGEST_SHOWN] for one in listed]
    return Listing(cells, numbers=frozenset(shown), spare=[*reversed([*shown][1:]), "digest", *shown])


def _promoted(version: Version, stage: Stage, *, deployed: bool) -> Text:
    serves = f"\nit serves all traffic of {version.classifier}" if deployed else ""
    return Text(f"{version.classifier}@{version.version} is marked {stage} by {version.approved_by}{serves}")
