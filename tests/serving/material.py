"""Small releases put together by hand and a log that can be read: what tests of serving and of the door work with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.app import App
from assay.contract.columns import Column, Contract
from assay.errors import UnavailableError
from assay.features.plan import FeaturePlan, FeatureRow, Number, OneHot, Terms, TextStatistics
from assay.models.linear import LinearModel
from assay.models.store import save
from assay.models.trees import TreeModel
from assay.policy.policy import Calibration, Policy, Rule
from assay.records.log import Record
from assay.registry.releases import Registration, publish
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.release.fallback import ModelFallback, RuleFallback, StoredFallback
from assay.release.parity import record
from assay.serving.metrics import Slab
from assay.serving.predictor import Predictor
from assay.serving.served import Served, prepare_served
from assay.values import Deployment, Prediction

NOW = 1_700_000_000.0
SPAM = Contract(
    task="binary",
    classes=("ham", "spam"),
    positive="spam",
    entity="user_id",
    columns=(
        Column(name="text", type="text", max_length=200, personal=True),
        Column(name="user_id", type="id"),
        Column(name="amount", type="number", missing="median"),
        Column(name="plan", type="category", missing="most_frequent", values=("free", "pro")),
        Column(name="verified", type="boolean", missing="most_frequent"),
        Column(name="sent_at", type="timestamp", missing="constant"),
    ),
)
SPAM_ROW = {
    "text": "win a free prize http://x.example now!!",
    "user_id": "u1",
    "amount": 3.5,
    "plan": "pro",
    "verified": True,
    "sent_at": "2026-01-31T12:00:00Z",
}
TOPIC = Contract(
    task="multiclass",
    classes=("art", "money", "sport"),
    columns=(Column(name="goals", type="number"), Column(name="price", type="number")),
)
TOPIC_ROW = {"goals": 3, "price": 1.5}
#: Two trees: goals <= 2.5 (then price <= 1.0), and price <= 2.0.
TREES = {
    "feature": np.array([0, 1, -1, -1, -1, 1, -1, -1], dtype=np.int32),
    "threshold": np.array([2.5, 1.0, 0, 0, 0, 2.0, 0, 0], dtype=np.float32),
    "left": np.array([1, 2, -1, -1, -1, 6, -1, -1], dtype=np.int32),
    "right": np.array([4, 3, -1, -1, -1, 7, -1, -1], dtype=np.int32),
    "value": np.array([0, 0, -1.0, -0.25, 1.5, 0, 0.5, -0.75]),
    "cover": np.array([10, 6, 2, 4, 4, 10, 7, 3], dtype=np.float64),
    "root": np.array([0, 5], dtype=np.int32),
    "output": np.array([0, 0], dtype=np.int32),
    "base": np.array([0.1]),
    "dense": np.array([2], dtype=np.int64),
}


def spam_bundle(*, bias: float = 0.0, classifier: str = "spam") -> Bundle:
    """A linear binary classifier over a mixed table; `bias` moves its scores."""
    plan = FeaturePlan(
        columns=SPAM.names,
        encoders=(
            Number(column="amount", impute=2.0),
            OneHot(column="plan", values=("free", "pro"), impute="free"),
            Number(column="verified", impute=1.0),
            TextStatistics(column="text", statistics=("url_count", "exclamation_count")),
            Terms(column="text", words=(1, 1), word_terms=("free", "hello", "win")),
        ),
        names=("amount", "plan=free", "plan=pro", "verified", "url_count", "exclamation_count"),
    )
    weights = np.array([[0.1, 0.2, -0.3, -0.5, 1.5, 0.4, 0.8, -1.2, 1.1]])
    policy = Policy(
        task="binary",
        classes=SPAM.classes,
        positive_index=1,
        thresholds=(0.6,),
        review_within=0.02,
        reasons=(Rule(feature="url_count", op=">", value=0, reason="contains a URL"),),
    )
    return _bundle(
        classifier, SPAM, plan, {"terms.0.idf": np.array([1.0, 1.5, 2.0])}, weights, [bias], policy, SPAM_ROW
    )


def topic_bundle(*, bias: float = 0.0) -> Bundle:
    """A linear classifier of three classes over two numbers."""
    plan = FeaturePlan(
        columns=TOPIC.names,
        encoders=(Number(column="goals"), Number(column="price")),
        names=("goals", "price"),
    )
    policy = Policy(task="multiclass", classes=TOPIC.classes)
    weights = np.array([[-1.0, -1.0], [-0.5, 1.0], [1.0, -0.5]])
    return _bundle("topic", TOPIC, plan, {}, weights, [bias, 0.0, 0.0], policy, TOPIC_ROW)


def labels_bundle(*, bias: float = 0.0, review_within: float = 0.0) -> Bundle:
    """A linear classifier of three labels over two numbers, any number of which may apply."""
    topic = topic_bundle()
    contract = msgspec.structs.replace(TOPIC, task="multilabel")
    policy = Policy(task="multilabel", classes=TOPIC.classes, thresholds=(0.5, 0.4, 0.6), review_within=review_within)
    weights = np.array([[-1.0, -1.0], [-0.5, 1.0], [1.0, -0.5]])
    return _bundle("themes", contract, topic.plan, {}, weights, [bias, 0.5, -1.0], policy, TOPIC_ROW)


def tree_bundle() -> Bundle:
    """The topic classifier's columns answered by a binary model of two small trees."""
    plan = FeaturePlan(
        columns=TOPIC.names,
        encoders=(Number(column="goals"), Number(column="price")),
        names=("goals", "price"),
        precision="float32",
    )
    contract = Contract(task="binary", classes=("lost", "won"), positive="won", columns=TOPIC.columns)
    policy = Policy(task="binary", classes=contract.classes, positive_index=1, thresholds=(0.5,))
    model = TreeModel.from_arrays(TREES)
    return _with_example(
        Bundle(
            classifier="match",
            contract=contract,
            plan=plan,
            plan_arrays={},
            kind=model.kind,
            model_arrays=model.arrays(),
            policy=policy,
            profile={},
        ),
        TOPIC_ROW,
    )


def release_of(bundle: Bundle, version: int = 1) -> Release:
    """A bundle as a registered release."""
    return Release.prepare(bundle, version=version, digest=f"{version:064x}")


def served(bundle: Bundle, slab: Slab, *, version: int = 1, generation: int = 1) -> Served:
    """A bundle as a warm, deployed release."""
    deployment = Deployment(bundle.classifier, generation, 7, version, NOW, "tests")
    return prepare_served(release_of(bundle, version), deployment, slab)


def publish_in(app: App, bundle: Bundle, *, deploy: bool = True) -> int:
    """Register a bundle, and deploy it unless told not to; its version."""
    registration = Registration(
        passed=True, framework=bundle.kind, metrics={"accuracy": 0.9}, created_at=NOW, created_by="tests"
    )
    card = {"card.json": b'{"lineage": {"data": "abc"}}'}
    version = publish(bundle, card, registration, registry=app.registry, blobs=app.blobs).version
    if deploy:
        deploy_in(app, bundle.classifier, version)
    return version


def deploy_in(app: App, classifier: str, version: int) -> Deployment:
    """Give a registered version the traffic."""
    now = app.registry.deployment(classifier)
    generation = now.generation if now else 0
    return app.registry.deploy(classifier, version, expected_generation=generation, by="tests", at=NOW)


_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class ReadableLog:
    """A prediction log in memory, of records as they are read back; `full` makes it refuse, or let go where `drops`
    says so.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.full = False
        self.drops = False

    def append(self, record: Record) -> bool:
        return self.append_many((record,))

    def append_many(self, records: Sequence[Record]) -> bool:
        if self.full and self.drops:
            return False
        if self.full:
            raise UnavailableError("the spool of the log is full", retry_after_s=2.0)
        self.records.extend(_DECODER.decode(msgspec.msgpack.encode(record)) for record in records)
        return True

    def close(self) -> None:
        """Nothing to do."""

    @property
    def predictions(self) -> list[Prediction]:
        return [record for record in self.records if isinstance(record, Prediction)]


def predictor_with(log: ReadableLog) -> Predictor:
    """A predictor whose ids count from 1 and whose clock stands still."""
    numbers = itertools.count(1)
    return Predictor(log, lambda: f"id-{next(numbers)}", lambda: NOW)


def with_rule(bundle: Bundle, label: str, otherwise: str | None, *, feature: str, above: float) -> Bundle:
    """A bundle with a fallback: `label` where the feature is above a number."""
    classes = bundle.contract.classes
    shares = tuple(0.6 if name == label else 0.4 / (len(classes) - 1) for name in classes)
    told = RuleFallback(
        rule=Rule(feature=feature, op=">", value=above, label=label),
        otherwise=otherwise,
        holds=shares,
        fails=tuple(reversed(shares)),
    )
    return _again(dataclasses.replace(bundle, fallback=StoredFallback(told)))


def with_model(bundle: Bundle, other: Bundle) -> Bundle:
    """A bundle with the model of another one as its fallback."""
    told = ModelFallback(
        name="logistic_regression",
        kind=other.kind,
        plan=other.plan,
        calibration=Calibration(method="temperature", temperature=2.0),
    )
    stored = StoredFallback(told, other.plan_arrays, other.model_arrays)
    return _again(dataclasses.replace(bundle, fallback=stored))


def broken(one: Served, scores: Callable[[FeatureRow], list[float]]) -> Served:
    """A served release whose model gives something else."""
    return dataclasses.replace(one, release=dataclasses.replace(one.release, scores=scores))


def _again(bundle: Bundle) -> Bundle:
    """The bundle with its parity examples recorded anew."""
    examples = [example.example for example in bundle.parity]
    return dataclasses.replace(bundle, parity=record(Release.prepare(bundle), examples))


def _bundle(
    classifier: str,
    contract: Contract,
    plan: FeaturePlan,
    plan_arrays: dict[str, NDArray[np.float64]],
    weights: NDArray[np.float64],
    intercept: list[float],
    policy: Policy,
    example: dict[str, object],
) -> Bundle:
    model = LinearModel(weights, np.array(intercept), np.zeros(len(plan.names)))
    kind, arrays = save(model)
    bundle = Bundle(
        classifier=classifier,
        contract=contract,
        plan=plan,
        plan_arrays=plan_arrays,
        kind=kind,
        model_arrays=arrays,
        policy=policy,
        profile={},
    )
    return _with_example(bundle, example)


def _with_example(bundle: Bundle, example: dict[str, object]) -> Bundle:
    return dataclasses.replace(bundle, parity=record(Release.prepare(bundle), [example]))
