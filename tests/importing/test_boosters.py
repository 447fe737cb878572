"""LightGBM, XGBoost and CatBoost models, converted, against the libraries that fitted them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest

from assay.errors import DataError, NotSupportedError
from assay.importing.bind import bind
from assay.importing.catboost_model import _build as build_catboost
from assay.importing.forms import READERS, recognise
from assay.importing.inputs import Code, Value
from assay.importing.native import Native
from assay.importing.opened import Trust, open_model
from assay.spec.tree import MISSING_TOKENS
from tests.importing.damaged import try_damaged
from tests.importing.material import PLANS, ask, convert, frame, labels

NUMBERS = ["amount", "visits"]


def matrix(rows: pl.DataFrame) -> Any:
    """The numbers, and the plan as flags, as a person would give them to a booster."""
    numbers = [rows[name].cast(pl.Float64, strict=False).to_numpy() for name in NUMBERS]
    flags = [(rows["plan"] == plan).fill_null(value=False).to_numpy().astype(float) for plan in PLANS]
    filled = [np.where(np.isnan(column.astype(float)), np.nan, column) for column in numbers]
    return np.column_stack([*filled, *flags])


NAMES = [*NUMBERS, *(f"plan_{plan}" for plan in PLANS)]


def check(native: Native, rows: pl.DataFrame, classes: int, tolerance: float) -> None:
    """The converted model has the scores of the library, on rows it was fitted on and on others."""
    sources, _ = bind(native.names, native.categories, rows, MISSING_TOKENS)
    foreign = native.build(sources)
    for some in (rows, frame(300, seed=9)):
        converted = convert(foreign, some, classes)
        theirs = ask(native, sources, converted.table)
        assert np.abs(converted.scores() - theirs).max() <= tolerance


def save_lightgbm(
    path: Path,
    values: Any,
    answers: Any,
    classes: int = 2,
    *,
    names: list[str] = NAMES,
    categorical: Any = "auto",
    **more: Any,
) -> Native:
    task = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    parameters = {**task, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5, **more}
    data = lightgbm.Dataset(values, answers, feature_name=names, categorical_feature=categorical)
    lightgbm.train(parameters, data, 15).save_model(path / "model.txt")
    return READERS[recognise(path / "model.txt")](path / "model.txt")


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("missing", [True, False])
def test_lightgbm_to_the_bit(tmp_path: Path, classes: int, missing: bool) -> None:
    rows = frame(missing=missing)
    native = save_lightgbm(tmp_path, matrix(rows), labels(rows, classes), classes, use_missing=missing)
    check(native, rows, classes, 0.0)


def test_a_lightgbm_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    rows = frame()
    save_lightgbm(tmp_path, matrix(rows), labels(rows))
    content = (tmp_path / "model.txt").read_bytes()
    trees, end = content.index(b"end of trees"), content.index(b"pandas_categorical")
    cut = tmp_path / "cut.txt"
    for length in [
        *range(5, trees + 13, 151),
        trees,
        trees + 12,
        content.index(b"\nparameters:") + 20,
        end + 5,
        end + 20,
    ]:
        cut.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut\.txt is no sound LightGBM text model") as caught:
            open_model(cut, "LightGBM text", rows, MISSING_TOKENS, Trust())
        assert "save it again" in caught.value.remedy


def with_sets(folder: Path) -> bytes:
    """A file of trees that split on sets of categories."""
    rows = frame()
    values = rows["visits"].cast(pl.Float64).fill_null(0.0).to_numpy().reshape(-1, 1)
    save_lightgbm(folder, values, labels(rows), names=["visits"], categorical=["visits"], min_data_per_group=1)
    return (folder / "model.txt").read_bytes()


DAMAGES = [
    (rb"num_class=1", b"num_class=x", "num_class"),
    (rb"feature_infos=\S+", b"feature_infos=[0:", "feature_infos"),
    (rb"feature_names=", b"feature_names=other ", "feature_names"),
    (rb"tree_sizes=\d", b"tree_sizes=x", "trees that it names"),
    (rb"num_tree_per_iteration=1", b"num_tree_per_iteration=2", "no whole number of iterations"),
    (rb"num_leaves=\d", b"num_leaves=0", "num_leaves"),
    (rb"num_cat=\d", b"num_cat=0", "num_cat"),
    (rb"split_feature=\d", b"split_feature=9", "split_feature"),
    (rb"\nsplit_gain", b"\nplit_gainn", "a line begins with 'plit_gainn="),
    (rb"threshold=\d", b"threshold=9", "set that there is not"),
    (rb"leaf_value=\S", b"leaf_value=x", "leaf_value"),
    (rb"leaf_count=\d", b"leaf_count= ", "leaf_count"),
    (rb"\ninternal_value", b"\n\ninternal_value", "a line begins with ''"),
    (rb"left_child=\S+", b"left_child=0", "make no tree"),
    (rb"right_child=(\S+) (\S+)", rb"right_child=\2 \2", "make no tree"),
    (rb"cat_boundaries=0 \d", b"cat_boundaries=0 0", "cat_boundaries"),
    (rb"cat_threshold=\d", b"cat_threshold=x", "cat_threshold"),
]


@pytest.mark.parametrize(("pattern", "instead", "said"), DAMAGES)
def test_a_lightgbm_file_with_damage_in_it_is_refused_before_lightgbm_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: bytes, instead: bytes, said: str
) -> None:
    content = with_sets(tmp_path)
    sized = re.sub(rb"\ntree_sizes=.*", b"", content) if not pattern.startswith(b"tree_sizes") else content
    damaged, changed = re.subn(pattern, instead, sized, count=1)
    assert changed
    assert damaged != sized
    (tmp_path / "bad.txt").write_bytes(damaged)
    monkeypatch.setattr(lightgbm, "Booster", None)
    with pytest.raises(DataError, match=rf"bad\.txt is no sound LightGBM text model: .*{re.escape(said)}"):
        open_model(tmp_path / "bad.txt", "LightGBM text", frame(), MISSING_TOKENS, Trust())


def test_no_damaged_byte_of_a_lightgbm_file_ends_the_process() -> None:
    found = try_damaged("lightgbm", 300)
    assert found["ended"] == 0
    assert found["refused"] > found["taken"] > 0


def test_lightgbm_splits_by_sets_of_categories(tmp_path: Path) -> None:
    rows = frame()
    codes = rows["visits"].cast(pl.Float64).to_numpy()
    values = np.column_stack([matrix(rows)[:, 0], codes])
    answers = (codes % 3 == 1).astype(int)
    native = save_lightgbm(
        tmp_path, values, answers, names=NUMBERS, categorical=["visits"], min_data_per_group=1, max_cat_to_onehot=1
    )
    sources, _ = bind(native.names, native.categories, rows, MISSING_TOKENS)
    assert isinstance(sources[1], Code)
    assert len(native.build(sources).inputs) > len(sources)
    check(native, rows, 2, 0.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objective": "regression"}, "objective regression"),
        ({"zero_as_missing": True}, "takes 0 for missing"),
        ({"linear_tree": True}, "linear leaves"),
        ({"sigmoid": 2.0}, "another sigmoid"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averages its trees"),
    ],
)
def test_what_lightgbm_does_otherwise_is_refused_by_name(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    rows = frame(missing=False)

    def read() -> Any:
        return save_lightgbm(tmp_path, matrix(rows), labels(rows), **settings).build([Value("amount")] * 5)

    with pytest.raises(NotSupportedError, match=said):
        read()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_xgboost_within_its_float32_sums(tmp_path: Path, classes: int, suffix: str) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    rows = frame()
    task = {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": classes}
    booster = xgboost.train(
        {**task, "max_depth": 4, "nthread": 1},
        xgboost.DMatrix(matrix(rows), labels(rows, classes), feature_names=NAMES),
        20,
    )
    path = tmp_path / f"model.{suffix}"
    booster.save_model(path)
    check(READERS[recognise(path)](path), rows, classes, 2e-5)


@pytest.mark.parametrize(
    ("pattern", "instead", "said"),
    [
        (r'"left_children":\[\d+', '"left_children":[777', "two parents, or are not there"),
        (r'"left_children":\[\d+', '"left_children":[0', "two parents, or are not there"),
        (r'"left_children":\[\d+', '"left_children":[-1', "has one child"),
        (r'"split_indices":\[\d+', '"split_indices":[99', "names an input that there is not"),
        (r'"iteration_indptr":\[0,1,2,3', '"iteration_indptr":[0,1,2,9', "iteration_indptr"),
        (r'"iteration_indptr":\[0,1,2,3', '"iteration_indptr":[0', "iteration_indptr"),
    ],
)
def test_an_xgboost_file_with_damage_in_it_is_refused_before_its_trees_are_walked(
    tmp_path: Path, pattern: str, instead: str, said: str
) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    rows = frame(missing=False)
    numbers = rows.select(pl.col(NUMBERS).cast(pl.Float64))
    data = xgboost.DMatrix(numbers.to_numpy(), labels(rows), feature_names=NUMBERS)
    path = tmp_path / "model.json"
    xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 3).save_model(path)
    sound, changed = re.subn(pattern, instead, path.read_text(), count=1)
    assert changed
    path.write_text(sound)
    with pytest.raises(DataError, match=rf"model\.json is no sound XGBoost JSON model: .*{said}") as caught:
        open_model(path, "XGBoost JSON", rows, MISSING_TOKENS, Trust())
    assert "save it again" in caught.value.remedy


def test_an_xgboost_regression_is_refused_by_name(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    rows = frame()
    path = tmp_path / "model.json"
    xgboost.train({"nthread": 1}, xgboost.DMatrix(matrix(rows), labels(rows)), 2).save_model(path)
    with pytest.raises(NotSupportedError, match="objective reg:squarederror"):
        READERS[recognise(path)](path)


@pytest.mark.parametrize("grow", ["SymmetricTree", "Lossguide"])
@pytest.mark.parametrize("classes", [2, 3])
def test_catboost_to_the_bit(tmp_path: Path, classes: int, grow: str) -> None:
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
    rows = frame()
    loss = "Logloss" if classes == 2 else "MultiClass"
    model = catboost.CatBoostClassifier(
        iterations=15,
        depth=4,
        loss_function=loss,
        grow_policy=grow,
        thread_count=1,
        verbose=0,
        allow_writing_files=False,
    )
    pool = catboost.Pool(matrix(rows), labels(rows, classes), feature_names=NAMES)
    model.fit(pool)
    for name, form in (("model.cbm", "cbm"), ("model.json", "json")):
        model.save_model(str(tmp_path / name), format=form)
        check(READERS[recognise(tmp_path / name)](tmp_path / name), rows, classes, 1e-12)


def catboost_json(**more: Any) -> dict[str, Any]:
    """A model of one symmetric tree, as CatBoost writes it: amount > 10, then amount > 12, then visits > 3."""
    split = [(0, 10.0), (0, 12.0), (1, 3.0)]
    features = [{"nan_value_treatment": treatment} for treatment in ("AsTrue", "AsFalse")]
    return {
        "model_info": {"class_params": {"class_names": ["0", "1"]}},
        "features_info": {"float_features": features},
        "scale_and_bias": [2.0, [0.5]],
        "oblivious_trees": [
            {
                "splits": [
                    {"float_feature_index": at, "border": border, "split_type": "FloatFeature"} for at, border in split
                ],
                "leaf_values": [float(number) for number in range(8)],
                "leaf_weights": [10.0] * 8,
            }
        ],
        **more,
    }


def test_a_symmetric_tree_answers_by_the_bits_of_its_leaf() -> None:
    foreign = build_catboost(catboost_json(), [Value("amount"), Value("visits")])
    rows = pl.DataFrame({"amount": ["9", "11", "13", "", "13"], "visits": ["3", "3", "3", "4", "4"]})
    bits = [0, 1, 3, 7, 7]
    assert convert(foreign, rows).scores().ravel().tolist() == [0.5 + 2.0 * bit for bit in bits]
    # A branch that an earlier answer excludes is left out: of 8 leaves 6 can be reached.
    assert int((foreign.arrays.feature < 0).sum()) == 6  # type: ignore[union-attr] - they are trees


def test_a_split_by_anything_but_a_number_is_refused() -> None:
    told = catboost_json()
    told["oblivious_trees"][0]["splits"][0]["split_type"] = "OneHotFeature"
    with pytest.raises(NotSupportedError, match="OneHotFeature"):
        build_catboost(told, [Value("amount"), Value("visits")])


def test_inputs_that_are_not_in_the_data_are_named() -> None:
    with pytest.raises(DataError) as caught:
        bind(["amount", "plan_silver", "visit"], {}, frame(), MISSING_TOKENS)
    assert [problem.path for problem in caught.value.problems] == ["input plan_silver", "input visit"]
    assert "visits" in caught.value.problems[1].message


def test_inputs_without_names_are_the_columns_in_their_order() -> None:
    sources, told = bind(["", ""], {}, frame().select(NUMBERS), MISSING_TOKENS)
    assert sources == (Value("amount"), Value("visits"))
    assert "in their order, amount to visits" in told[0]
    with pytest.raises(DataError, match="3 inputs without names, the data 2 columns"):
        bind([""] * 3, {}, frame().select(NUMBERS), MISSING_TOKENS)
