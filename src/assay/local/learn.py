"""From a spec, or from a DataFrame and the name of its label, to a release: the training command for Python."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from assay.app import App, open_app, who
from assay.errors import AssayError, ConfigurationError, MalformedError, MissingDependencyError, StorageError
from assay.local.card import render_card
from assay.local.classifier import Classifier, load
from assay.local.wishes import refuse_repeated, spell
from assay.registry.releases import read_contract
from assay.registry.store import Version
from assay.spec import parse_spec, read_spec, write_spec
from assay.values import Deployment

if TYPE_CHECKING:
    from assay.training.card import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRelease:
    """What training made; a notebook shows its card.

    `known`: the registry had this very release already. `deployed`: training deployed it. `serving` is the classifier's
    deployment now, if it has one. `spec` is the file that describes it: edit it and train it again.
    """

    version: Version
    card: Card
    known: bool
    deployed: bool
    serving: Deployment | None
    spec: Path
    app: App = field(repr=False)

    @property
    def name(self) -> str:
        """`spam@3`."""
        return f"{self.version.classifier}@{self.version.version}"

    def load(self) -> Classifier:
        """The release, ready to answer."""
        return load(self.name, app=self.app)

    def __repr__(self) -> str:
        model = self.card.model.chosen
        verdict = "passed its gates" if self.version.passed else "did not pass its gates"
        return f"<TrainedRelease {self.name} {model}: {verdict}>"

    def _repr_html_(self) -> str:
        serves = self.serving is not None and self.serving.version == self.version.version
        return render_card(self.version, msgspec.to_builtins(self.card), serves=serves)


def train(  # noqa: PLR0913 - the wishes of `assay init`, each by its name
    source: Any = "classifier.yaml",
    *,
    label: str | int | Sequence[str | int] | None = None,
    separator: str | None = None,
    positive: str | float | bool | None = None,
    name: str | None = None,
    entity: str | int | None = None,
    time: str | int | None = None,
    ignore: str | int | Sequence[str | int] = (),
    split: str | None = None,
    day_first: bool | None = None,
    deploy: bool = True,
    app: App | None = None,
) -> TrainedRelease:
    """Train, judge and register what a classifier.yaml describes; deploy it if it is the first to pass its gates.

    `source` is the path of a spec; or a DataFrame of pandas, polars or pyarrow with the column `label`, for which a
    spec is drafted as `assay init` does. The frame is written beside that spec into ASSAY_HOME, where later data takes
    no earlier one's place, so that the release can be made again. `name` is the classifier's, else the label's; then a
    classifier of this name with other columns or classes is an error. The other options are those of `assay init`.

    A list of columns in `label` makes a classifier of several labels, as does `separator`, which stands between the
    labels of one cell. A column or class that is a number is meant by its text, True by "true"; `day_first` says what
    03/04/2024 means where no row tells.

    Raises:
        SpecError: the spec is wrong or does not fit its data.
        ConfigurationError: an option names no column or class, or belongs to a DataFrame and not to a spec.
        DataError: the data breaks its contract, leaks, or cannot be learned from.
        MissingDependencyError: the `train` extra is not installed.
    """
    try:
        from assay.training.train import Destination
        from assay.training.train import train as run
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"training needs {error.name}, which is not installed", remedy="pip install 'assay-ml[train]'"
        ) from None
    wishes = spell(
        {
            "label": label,
            "separator": separator,
            "positive": positive,
            "name": name,
            "entity": entity,
            "time": time,
            "ignore": ignore,
            "split": split,
            "day_first": day_first,
        }
    )
    if isinstance(source, str | Path):
        said = [option for option, wish in wishes.items() if wish != ()]
        if said:
            raise ConfigurationError(
                f"a spec names its {' and '.join(said)} itself",
                remedy=f"leave {' and '.join(said)} out, or give a DataFrame",
            )
        path = Path(source)
        app = app or open_app(path.parent)
    else:
        app = app or open_app()
        path = _draft(source, app, wishes)
    destination = Destination(
        registry=app.registry, blobs=app.blobs, by=who(), deploy=deploy, studies=app.home / "studies"
    )
    try:
        trained = run(read_spec(path), path.parent, destination)
    except AssayError as error:
        error.add_note(f"the spec is {path}")
        raise
    return TrainedRelease(
        version=trained.version,
        card=trained.card,
        known=trained.known,
        deployed=trained.deployed,
        serving=trained.serving,
        spec=path,
        app=app,
    )


def _draft(source: Any, app: App, wishes: Mapping[str, Any]) -> Path:
    """Write a frame and the spec drafted for it; the spec's path."""
    from assay.data.draft import Wishes, draft_spec
    from assay.spec import classifier_name

    if not hasattr(source, "__arrow_c_stream__"):
        raise MalformedError(
            f"a {type(source).__name__} is neither the path of a spec nor a DataFrame",
            remedy="give classifier.yaml, or a DataFrame of pandas 2.2, polars or pyarrow, or newer",
        )
    if not wishes.get("label"):
        raise ConfigurationError("the label of the DataFrame is not named", remedy='assay.train(df, label="column")')
    refuse_repeated(source)
    name = classifier_name(wishes.get("name", ",".join(wishes["label"])))
    folder = app.home / "frames" / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as unfinished:
            data = _write_data(source, Path(unfinished))
            drafted = draft_spec(data, Wishes(**{**wishes, "name": name}), data.parent)
            text = write_spec(drafted.draft)
            parse_spec(text, "the drafted spec")
            if "name" not in wishes:
                _refuse_stranger(name, {column.name for column in drafted.draft.columns}, set(drafted.classes), app)
            folder.mkdir(exist_ok=True)
            data.replace(folder / data.name)
        path = _free_path(folder, text)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}", remedy="set ASSAY_HOME") from error
    return path


def _write_data(source: Any, folder: Path) -> Path:
    """The frame as a file that is named by its content, so that other data never takes its place."""
    from assay.data.frames import write_frame

    path = folder / "data.parquet"
    write_frame(source, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.rename(folder / f"data-{digest[:16]}.parquet")


def _refuse_stranger(name: str, columns: set[str], classes: set[str], app: App) -> None:
    """Raises ConfigurationError where the classifier exists and none of its versions has these columns and classes."""
    versions = app.registry.versions(name) if name in app.registry.classifiers() else ()
    contracts = [read_contract(version, app.blobs) for version in versions]
    if contracts and not any((set(known.names), set(known.classes)) == (columns, classes) for known in contracts):
        raise ConfigurationError(
            f"there is a classifier {name} already, of other columns or classes",
            remedy=f'say name="{name}" to make a version of it, or another name for a classifier of its own',
        )


def _free_path(folder: Path, text: str) -> Path:
    """The first of classifier.yaml, classifier-2.yaml and so on that holds this text already, or nothing yet."""
    names = chain(["classifier.yaml"], (f"classifier-{number}.yaml" for number in count(2)))
    paths = (folder / name for name in names)
    return next(path for path in paths if not path.exists() or path.read_text(encoding="utf-8") == text)
