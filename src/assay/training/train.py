"""From a spec and its data to a gated, registered release: the whole path, top to bottom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assay.data.audit import AuditReport, audit
from assay.data.dataset import Dataset, load_dataset
from assay.data.split import Split, split
from assay.features.fit import Family, tokenise_table
from assay.measures.slices import Groups
from assay.policy.choose import begin_policy
from assay.policy.rules import prepare_reasons
from assay.registry.releases import Registration, publish
from assay.registry.store import BlobStore, RegistryStore, Version
from assay.release.bundle import digest_of, sha256, write_files
from assay.release.core import Release
from assay.release.manifest import CARD
from assay.spec import Spec
from assay.training.assemble import assemble
from assay.training.candidates import fit_candidate, frameworks, try_again, try_candidates, tunable, unsuited
from assay.training.card import Card, ImportCard
from assay.training.champion import Opponent, find_champion
from assay.training.decide import choose_policy
from assay.training.evaluate import evaluate_release
from assay.training.evidence import (
    REPORT,
    SCORES,
    TRIALS,
    Story,
    count_gate_uses,
    digest_gate,
    judged_by,
    make_card,
    read_card,
    write_card,
    write_report,
    write_scores,
    write_trials,
)
from assay.training.fairness import declared_groups
from assay.training.fallback import FittedFallback, check_fallback, judge_fallback, make_fallback, prove_fallback
from assay.training.gates import Judgement
from assay.training.judged import Judged
from assay.training.learning import SHARES, LearningPoint, learning_curve
from assay.training.lesson import Fitted, Lesson, Part
from assay.training.lineage import library_versions
from assay.training.progress import Progress, Silence
from assay.training.proof import prove, sample
from assay.training.search import SearchTrial, Study, search
from assay.training.selection import Tried, not_tried, select
from assay.values import Deployment

_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a release goes, by whom, and whether the first one that passes is deployed. `clock` is epoch seconds; in
    the folder `studies` the trials of searches are kept, so that a search can go on.
    """

    registry: RegistryStore
    blobs: BlobStore
    by: str
    deploy: bool = True
    studies: Path | None = None
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of it. `known`: the registry had this very release already; then `card` is the one on record, whose
    verdict stands, and `otherwise` names the gates that today's measurement would judge otherwise. `deployed`: training
    deployed it. `serving` is the classifier's deployment now, if it has one.
    """

    version: Version
    card: Card
    known: bool
    deployed: bool
    serving: Deployment | None
    otherwise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a model was chosen and is judged on. The data of the spec is relative to `directory`; `declared` are the
    groups of the judged rows by which fairness is judged.
    """

    spec: Spec
    directory: Path
    dataset: Dataset
    audit: AuditReport
    split: Split
    lesson: Lesson
    judged: Judged
    declared: Mapping[str, Groups]

    @classmethod
    def of(
        cls, spec: Spec, directory: Path, dataset: Dataset, audit: AuditReport, split: Split, lesson: Lesson
    ) -> Setting:
        """The setting with the gate's rows as those that judge.

        Raises:
            SpecError: the groups of gates.fairness cannot be compared.
        """
        judged = Judged.of(dataset, split)
        return cls(
            spec=spec,
            directory=directory,
            dataset=dataset,
            audit=audit,
            split=split,
            lesson=lesson,
            judged=judged,
            declared=declared_groups(spec, dataset.contract, judged.table),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model that is to be released: fitted, with its raw scores of the lesson's asked rows, how it came to be
    chosen, what fitted it, and the rows on which it is compared with that library, within `tolerance` where that is not
    the model kind's; `trials` are those of a search. An imported model has no learning curve: it learned elsewhere.
    """

    fitted: Fitted
    scores: NDArray[np.float64]
    tried: tuple[Tried, ...]
    framework: str
    compared: NDArray[np.intp]
    learning_curve: tuple[LearningPoint, ...] = ()
    trials: tuple[SearchTrial, ...] = ()
    imported: ImportCard | None = None
    tolerance: float | None = None
    fallback: FittedFallback | None = None


def train(spec: Spec, directory: Path, destination: Destination, progress: Progress | None = None) -> Trained:
    """Train, judge and register. The data of the spec is relative to `directory`.

    The same data, spec, seed and libraries give the same release, whatever else the machine does.

    Raises:
        SpecError: the spec does not fit the data.
        DataError: the data breaks its contract, leaks, or cannot be learned from.
        ReleaseError: what would be served is not what was trained.
    """
    # One thread a library call: sums have one order then, and parts are learned side by side instead.
    with threadpool_limits(limits=1):
        return _train(spec, directory, destination, progress or Silence())


def _train(spec: Spec, directory: Path, destination: Destination, progress: Progress) -> Trained:
    progress.begin("Reading and checking the data")
    dataset = load_dataset(spec, directory)
    progress.begin("Auditing and splitting")
    parts = split(dataset, spec)
    findings = audit(dataset, parts, spec)
    findings.require()
    lesson = prepare_lesson(spec, dataset, parts)
    setting = Setting.of(spec, directory, dataset, findings, parts, lesson)

    kept = Study(destination.studies, _study_origin(spec, dataset))
    found, searched = search(lesson, tunable(lesson, spec.model), spec.model.search, kept, progress)
    trials = try_candidates(lesson, spec.model, progress, found)
    asked = lesson.asked
    chosen, tried = select(trials, lesson.targets[asked], spec.model.margin, lesson.clusters_of(asked))
    tried += tuple(not_tried(name, why) for name, why in unsuited(lesson, spec.model).items())
    scores = trials[chosen].scores
    progress.begin("Drawing the learning curve", len(SHARES))
    curve = learning_curve(lesson, partial(try_again, chosen, trials[chosen].settings), scores, progress.advance)
    progress.begin(f"Fitting {chosen} on all rows but the gate's")
    fitted = fit_candidate(chosen, lesson, trials[chosen].settings)
    choice = Choice(
        fitted=fitted,
        scores=scores,
        tried=tried,
        framework=frameworks(chosen, fitted.settings),
        compared=sample(dataset.rows),
        learning_curve=curve,
        trials=searched,
        fallback=make_fallback(spec, lesson, chosen, fitted, trials, progress),
    )
    return release(setting, choice, destination, progress)


def release(setting: Setting, choice: Choice, destination: Destination, progress: Progress) -> Trained:
    """From a fitted model to a registered release: calibrate, choose the policy, assemble, judge, prove, register."""
    spec, dataset, lesson, parts = setting.spec, setting.dataset, setting.lesson, setting.split
    fitted, scores = choice.fitted, choice.scores
    progress.begin("Calibrating and choosing the policy")
    asked = lesson.asked
    policy = choose_policy(
        spec, dataset.contract, scores, lesson.labels[asked], dataset.moments, lesson.clusters_of(asked)
    )
    progress.begin("Assembling the release")
    fallback = choice.fallback.stored if choice.fallback is not None else None
    bundle = assemble(spec, dataset, lesson, fitted, policy, scores, fallback)
    made = Release.prepare(bundle)

    progress.begin("Judging on the gate's rows")
    opponent = _opponent(spec.name, destination, digest_gate(dataset, parts))
    evaluation = evaluate_release(
        spec, made, lesson, scores, setting.judged, declared=setting.declared, opponent=opponent
    )
    progress.begin("Proving that serving equals training")
    compared = dataset.table.take(choice.compared)
    proof = prove(made, compared, fitted.library, choice.tolerance)
    if choice.fallback is not None:
        prove_fallback(bundle, compared, choice.fallback)
    story = Story(
        spec=spec,
        directory=setting.directory,
        dataset=dataset,
        audit=setting.audit,
        split=parts,
        tried=choice.tried,
        framework=choice.framework,
        imported=choice.imported,
        fallback=judge_fallback(made, setting.judged),
        fitted=fitted,
        bundle=bundle,
        release_digest=digest_of({name: sha256(content) for name, content in write_files(bundle).items()}),
        evaluation=evaluation,
        proof=proof,
        learning_curve=choice.learning_curve,
        made_by=destination.by,
        made_at=destination.clock(),
    )
    progress.begin("Registering")
    card = make_card(story)
    evidence = {
        CARD: write_card(card),
        REPORT: write_report(card),
        SCORES: write_scores(story, scores, parts.all_but_gate[lesson.asked]),
    }
    if choice.trials:
        evidence[TRIALS] = write_trials(choice.trials)
    return _register(story, card, evidence, destination)


def _study_origin(spec: Spec, dataset: Dataset) -> dict[str, Any]:
    """What the trials of a search depend on: another policy, gate or number of trials begins no new study."""
    said = spec.model_dump(mode="json", include={"task", "data", "columns", "features"})
    del said["data"]["source"]
    return {"data": dataset.checksum, "spec": said, "libraries": library_versions()}


def prepare_lesson(spec: Spec, dataset: Dataset, parts: Split) -> Lesson:
    """Everything that candidates may see. A rule of the policy on a feature that does not exist is refused here, before
    anything is learned, and so is a fallback that cannot be.

    Raises:
        DataError: a class has too few rows.
        SpecError: a rule names an unknown feature; or the fallback does not suit the data.
    """
    rows = parts.all_but_gate
    table = dataset.table.take(rows)
    lesson = Lesson(
        contract=dataset.contract,
        table=table,
        labels=dataset.labels[rows],
        features=spec.features,
        tokens=tokenise_table(dataset.contract, table, spec.features),
        parts=_parts(parts),
        seed=spec.data.split.seed,
        workers=min(_MOST_WORKERS, os.cpu_count() or 1),
        clusters=parts.clusters_of(rows),
    )
    lesson.check()
    check_fallback(spec, lesson)
    rules = begin_policy(spec, dataset.contract).reasons
    if rules:
        families: tuple[Family, ...] = ("linear", "trees")
        for family in families:
            plan, _ = lesson.encode(family, np.arange(table.rows))
            prepare_reasons(rules, plan.names)
    return lesson


def _opponent(classifier: str, destination: Destination, gate_digest: str) -> Opponent | None:
    """The release that serves now, to be compared with."""
    champion = find_champion(classifier, destination.registry)
    if champion is None:
        return None
    return Opponent(champion, destination.blobs, judged_by(champion, destination.blobs) == gate_digest)


def _parts(parts: Split) -> tuple[Part, ...]:
    """The folds, or the one held-out part, as positions among all rows but the gate's."""
    if parts.folds is None:
        fits = np.isin(parts.all_but_gate, parts.fit)
        return (Part(np.flatnonzero(fits), np.flatnonzero(~fits)),)
    return tuple(
        Part(np.flatnonzero(parts.folds != fold), np.flatnonzero(parts.folds == fold))
        for fold in np.unique(parts.folds)
    )


def _register(story: Story, card: Card, evidence: dict[str, bytes], destination: Destination) -> Trained:
    """Publish, and deploy the first release that passes its gates."""
    registry, name = destination.registry, story.spec.name
    registration = Registration(
        passed=story.evaluation.passed,
        framework=card.model.framework,
        metrics={figure: interval.value for figure, interval in story.evaluation.gate.items()},
        created_at=story.made_at,
        created_by=story.made_by,
        gate_uses=count_gate_uses(card, registry, destination.blobs),
    )
    before = registry.versions(name) if name in registry.classifiers() else ()
    version = publish(story.bundle, evidence, registration, registry=registry, blobs=destination.blobs)
    serving = registry.deployment(name)
    first = destination.deploy and version.passed and serving is None
    if first:
        serving = registry.deploy(
            name,
            version.version,
            expected_generation=0,
            by=story.made_by,
            at=story.made_at,
            reason="the first release that passed its gates",
        )
    known = version in before
    on_record = (read_card(version, destination.blobs) or card) if known else card
    return Trained(
        version=version,
        card=on_record,
        known=known,
        deployed=first,
        serving=serving,
        otherwise=tuple(
            _gate_name(today)
            for today in card.gates
            if today.verdict not in {gate.verdict for gate in on_record.gates if _gate_name(gate) == _gate_name(today)}
        ),
    )


def _gate_name(gate: Judgement) -> str:
    return " ".join(part for part in (gate.metric, gate.bound, f"by {gate.by}" if gate.by else "") if part)
