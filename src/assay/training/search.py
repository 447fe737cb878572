"""The search for better settings: Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), each trial judged
by the tempered log loss of the asked rows.

A study is a file of its own: a search that was stopped goes on where it ended, and one that is done answers at once.
What a trial tries depends on the trials before it and on the seed alone, so a search without a time-out is the same
again, interrupted or not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from assay.errors import MissingDependencyError, StorageError
from assay.release.bundle import canonical_json, sha256
from assay.spec.tree import Search
from assay.training.lesson import Lesson, Range, Settings, Tunable
from assay.training.losses import tempered_losses
from assay.training.progress import Progress

# Optuna is slow to import, and most trainings search nothing.
if TYPE_CHECKING:
    import optuna


class SearchTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial: what was tried and the log loss it reached, in nats a row."""

    candidate: str
    number: int
    settings: dict[str, float | int]
    log_loss: float


class Study(NamedTuple):
    """Where the trials of a search are kept: a folder (None: in memory), and what they belong to."""

    folder: Path | None
    origin: Mapping[str, Any]


def search(
    lesson: Lesson,
    candidates: Mapping[str, Tunable],
    wish: Search,
    kept: Study,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[dict[str, Settings], tuple[SearchTrial, ...]]:
    """The best settings of each candidate, and all trials. `wish` limits the trials of each candidate and, for all of
    them together, the time: no trial begins after it.

    Raises:
        MissingDependencyError: Optuna is not installed.
        StorageError: the file of the study is damaged.
    """
    if not wish.trials:
        return {}, ()
    if find_spec("optuna") is None:
        raise MissingDependencyError(
            "a search needs optuna, which is not installed", remedy='pip install "assay-ml[train]"'
        )
    end = clock() + wish.timeout.total_seconds()
    best: dict[str, Settings] = {}
    done: list[SearchTrial] = []
    for name, candidate in candidates.items():
        progress.begin(f"Searching {name}", wish.trials)
        study = _open(name, kept)
        trials = _finished(name, study)
        for _ in trials[: wish.trials]:
            progress.advance()
        while len(trials) < wish.trials and clock() < end:
            _run(lesson, candidate, study, len(trials))
            trials = _finished(name, study)
            progress.advance()
        trials = trials[: wish.trials]
        done += trials
        if trials:
            best[name] = min(trials, key=lambda trial: (trial.log_loss, trial.number)).settings
    return best, tuple(done)


def _open(name: str, kept: Study) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage: Any = None
    if kept.folder is not None:
        kept.folder.mkdir(parents=True, exist_ok=True)
        digest = sha256(canonical_json(kept.origin))[:16]
        path = kept.folder / f"{digest}.jsonl"
        _cut_torn(path)
        storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(study_name=name, storage=storage, load_if_exists=True)


def _cut_torn(path: Path) -> None:
    """Cut off a last line that was not written to its end, as a process that was killed leaves it.

    Raises:
        StorageError: another line is damaged.
    """
    *lines, rest = path.read_bytes().split(b"\n") if path.exists() else [b""]
    damaged = [number for number, line in enumerate(lines, start=1) if not _is_entry(line)]
    if damaged and damaged[0] < len(lines):
        raise StorageError(
            f"{path}, line {damaged[0]}: the file of the search is damaged",
            remedy="restore it from a copy, or delete it: the search then begins anew",
        )
    if damaged or rest:
        whole = lines[:-1] if damaged else lines
        os.truncate(path, sum(len(line) + 1 for line in whole))


def _is_entry(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)  # Optuna writes infinity, which strict JSON lacks
    except ValueError:
        return False


def _run(lesson: Lesson, candidate: Tunable, study: optuna.Study, number: int) -> None:
    """One trial; the first one tries what would be taken without a search."""
    from optuna.samplers import TPESampler

    if number == 0:
        study.enqueue_trial(dict(candidate.usual(lesson)), skip_if_exists=True)
    study.sampler = TPESampler(seed=(lesson.seed + number) % 2**32)
    trial = study.ask()
    settings = {name: _suggest(trial, name, limits) for name, limits in candidate.space.items()}
    tried = candidate.try_out(lesson, _nobody_counts, settings)
    loss = float(tempered_losses(tried.scores, lesson.targets[lesson.asked]).mean())
    study.tell(trial, loss)


def _suggest(trial: optuna.Trial, name: str, limits: Range) -> float | int:
    if limits.whole:
        return trial.suggest_int(name, int(limits.low), int(limits.high), log=limits.log)
    return trial.suggest_float(name, limits.low, limits.high, log=limits.log)


def _finished(name: str, study: optuna.Study) -> list[SearchTrial]:
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [
        SearchTrial(candidate=name, number=number, settings=dict(trial.params), log_loss=float(trial.value))
        for number, trial in enumerate(complete)
        if trial.value is not None
    ]


def _nobody_counts() -> None:
    """Trials are what is counted."""
