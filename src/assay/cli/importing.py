"""`assay import`: draws the path from a model file to a registered release. It decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from assay.cli.terminal import JsonOption, emit, notice
from assay.cli.train import LIBRARIES, Bars, at_once, story, summary
from assay.errors import MissingDependencyError

if TYPE_CHECKING:
    from assay.importing.run import Imported


_PICKLES = frozenset({".pkl", ".pickle", ".joblib"})


def import_(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A LightGBM, XGBoost, CatBoost, ONNX or pickle file.")],
    data: Annotated[
        Path, typer.Option(metavar="FILE", help="Labelled rows, as the model's inputs were before encoding.")
    ],
    label: Annotated[str, typer.Option(metavar="COL", help="The label: a column's name, or #N for a position.")],
    positive: Annotated[str | None, typer.Option(metavar="VALUE", help="The class that matters, of two.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the classifier; default: that of the data.")] = None,
    entity: Annotated[str | None, typer.Option(metavar="COL", help="Who a row is about.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help="When it happened.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="COL", help="A column to leave out; repeatable.")] = None,
    split: Annotated[str | None, typer.Option(help="stratified, time, group or column:COL.")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line is a row already.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Open a pickle, which runs the code in it, in a process of its own.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that opening and asking a pickle may take.")] = 600.0,
    deploy: Annotated[bool, typer.Option(help="Deploy the classifier's first release that passes its gates.")] = True,
    as_json: JsonOption = False,
) -> None:
    """A model fitted elsewhere becomes a gated, registered release: converted exactly, compared with the original on
    every row, calibrated and judged. Exit code 1: registered, but its gates said no; or it does not reproduce.
    """
    from assay.app import open_app, who

    try:
        from assay.data.draft import Wishes
        from assay.importing.opened import Trust
        from assay.importing.run import import_model
        from assay.training.train import Destination
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in LIBRARIES:
            raise
        raise MissingDependencyError(
            f"importing needs {error.name}, which is not installed", remedy='pip install "assay-ml[train,import]"'
        ) from None
    if trust_pickle and model.suffix.lower() in _PICKLES:
        notice(f"opening {model.name} runs the code in it, in a process of its own without network", "yellow")
    wishes = Wishes(
        label=(label,),
        positive=positive,
        name=name,
        entity=entity,
        time=time,
        ignore=tuple(ignore or ()),
        split=split,
        header=False if no_header else None,
    )
    app = open_app()
    destination = Destination(registry=app.registry, blobs=app.blobs, by=who(), deploy=deploy)
    with Bars() as bars, at_once(bars):
        imported = import_model(model, data, wishes, destination, Trust(pickle=trust_pickle, limit_s=timeout), bars)
    values = {**summary(imported.trained), "difference": imported.difference}
    emit(values, _story(imported), as_json=as_json)
    notice(f"state in {app.home}", "dim")
    if not imported.trained.version.passed:
        raise typer.Exit(1)


def _story(imported: Imported) -> RenderableType:
    card = imported.trained.card
    origin = card.model.imported
    told = [Text(f"note: {seen}", style="yellow") for seen in origin.notices] if origin is not None else []
    same = (
        f"answers like the original on all {card.parity.rows:,} rows: before calibration and policy its "
        f"probabilities differ by at most {imported.difference:.2g}, and no decision does"
    )
    return Group(story(imported.trained), Text(), Text(same, style="green"), *told)
