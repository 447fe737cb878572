"""Training as a practitioner writes it with pandas and scikit-learn, for `training.py` to compare with.

python benchmarks/plain_training.py PLAN     a JSON object: where the table is and what its columns mean

It fits what `assay train` fits without a search: logistic regression by strength of its penalty, and LightGBM if it is
asked for, each on five folds for predictions out of fold; then the better one on all rows but those of the gate, and a
temperature. It uses all cores as these libraries do. It audits, proves and reports nothing.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, early_stopping
from scipy.optimize import minimize_scalar
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

STRENGTHS, STRENGTHS_OF_TEXT = (0.01, 0.1, 1.0, 10.0), (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FOLDS, GATE, SEED = 5, 0.2, 7
MOST_ROUNDS, PATIENCE, MOST_TERMS, TERMS_OF_TREES = 1000, 30, 50_000, 1000


def main() -> None:
    """Train, and print what came of it."""
    plan = json.loads(sys.argv[1])
    table = pd.read_csv(plan["table"], na_values=[" ", "?"], **plan["reading"])
    table.columns = table.columns.astype(str)
    for name in plan["categories"]:
        table[name] = table[name].astype(str)
    target = (table[plan["label"]] == plan["positive"]).astype(int)
    teach, gate, taught, asked = train_test_split(table, target, test_size=GATE, stratify=target, random_state=SEED)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    trials = [try_logistic(plan, teach, taught, folds)]
    if plan["boosted"]:
        trials.append(try_boosting(plan, teach, taught, folds))
    loss, scores, model = min(trials, key=lambda trial: trial[0])
    model.fit(teach, taught)
    heat = minimize_scalar(lambda heat: _loss(taught, scores / heat), bounds=(0.02, 50.0), method="bounded").x
    found = _raw(model, gate) / heat
    print(json.dumps({"out_of_fold": loss, "log_loss": _loss(asked, found), "auc": roc_auc_score(asked, found)}))


def try_logistic(plan: dict[str, Any], teach: Any, taught: Any, folds: Any) -> tuple[float, Any, Any]:
    """The best strength: its log loss, its scores out of fold and its pipeline. Ends once the log loss has risen."""
    trials: list[tuple[float, Any, Any]] = []
    for strength in STRENGTHS_OF_TEXT if plan["texts"] else STRENGTHS:
        pipeline = make_pipeline(linear_features(plan), LogisticRegression(C=strength, max_iter=500))
        scores = cross_val_predict(pipeline, teach, taught, cv=folds, method="decision_function", n_jobs=-1)
        trials.append((_loss(taught, scores), scores, pipeline))
        if trials[-1][0] > min(trials, key=lambda trial: trial[0])[0]:
            break
    return min(trials, key=lambda trial: trial[0])


def try_boosting(plan: dict[str, Any], teach: Any, taught: Any, folds: Any) -> tuple[float, Any, Any]:
    """As many rounds as the folds need on average: the log loss, the scores out of fold and a pipeline."""
    settings = {
        "learning_rate": 0.1 if plan["texts"] else 0.05,
        "num_leaves": 31,
        "min_child_samples": min(50, max(5, len(teach) // 100)),
        "colsample_bytree": 0.5,
        "reg_lambda": 5.0,
        "max_bin": 63,
        "n_jobs": -1,
        "verbose": -1,
    }
    scores = np.empty(len(teach))
    rounds = []
    for fit, ask in folds.split(teach, taught):
        features = tree_features(plan)
        known = features.fit_transform(teach.iloc[fit], taught.iloc[fit])
        others = features.transform(teach.iloc[ask])
        model = LGBMClassifier(n_estimators=MOST_ROUNDS, **settings)
        stop = early_stopping(PATIENCE, verbose=False)
        model.fit(known, taught.iloc[fit], eval_set=[(others, taught.iloc[ask])], callbacks=[stop])
        scores[ask] = model.predict(others, raw_score=True)
        rounds.append(model.best_iteration_)
    final = LGBMClassifier(n_estimators=round(float(np.mean(rounds))), **settings)
    return _loss(taught, scores), scores, make_pipeline(tree_features(plan), final)


def linear_features(plan: dict[str, Any]) -> Any:
    """Numbers scaled, categories one-hot, texts as weighed n-grams of words and characters."""
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore")
    parts = [(scaled, plan["numbers"]), (one_hot, plan["categories"]), *((terms(), name) for name in plan["texts"])]
    return make_column_transformer(*parts)


def tree_features(plan: dict[str, Any]) -> Any:
    """Numbers as they are, categories as numbers, and of the n-grams those that tell most."""
    coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    chosen = [(make_pipeline(terms(), SelectKBest(chi2, k=TERMS_OF_TREES)), name) for name in plan["texts"]]
    return make_column_transformer(("passthrough", plan["numbers"]), (coded, plan["categories"]), *chosen)


def terms() -> Any:
    """N-grams of one column of texts."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=MOST_TERMS, sublinear_tf=True)
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), min_df=2, max_features=MOST_TERMS, sublinear_tf=True
    )
    return make_union(words, characters)


def _raw(model: Any, rows: Any) -> Any:
    if hasattr(model, "decision_function"):
        return model.decision_function(rows)
    return model[-1].predict(model[:-1].transform(rows), raw_score=True)


def _loss(targets: Any, scores: Any) -> float:
    return float(log_loss(targets, 1.0 / (1.0 + np.exp(-scores))))


if __name__ == "__main__":
    main()
