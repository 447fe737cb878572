"""ONNX graphs of a classifier over scaled, imputed and encoded columns, as skl2onnx and onnxmltools write them.

The graph is followed back from its classifier to its inputs. Its numbers are float32, and so each operation is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.importing.foreign import LEFT, RIGHT, Foreign, Linear, Tree, Trees, counted, plant
from assay.importing.inputs import SINGLE, Code, Input, Source, Step, Value
from assay.importing.native import Columns, Floats, Native, needs, raw_scores, refuse
from assay.models.forest import log_scores

Inputs = list[Input]

_CLASSIFIERS = ("LinearClassifier", "TreeEnsembleClassifier")
_FLOAT, _DOUBLE, _STRING = 1, 11, 8


def open_onnx(path: Path) -> Native:
    """Open a model file.

    Raises:
        ValueError: it is not an ONNX model.
        NotSupportedError: it cannot be converted exactly.
        MissingDependencyError: onnx or onnxruntime is not installed.
    """
    try:
        import onnx
        import onnxruntime
    except ModuleNotFoundError as error:
        raise needs(str(error.name)) from None
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001 - protobuf and the checker raise errors of their own kinds
        raise ValueError(str(error)) from None
    graph = _Graph(model)
    node = graph.classifier()
    widths = graph.widths()
    names = [name for name, width in widths.items() for _ in range(width)] if max(widths.values()) == 1 else []
    scores = _scores_only(model, node)

    @cache
    def session() -> Any:
        """Opened when it is asked: a graph of other operations, which may not even open here, is refused before."""
        return onnxruntime.InferenceSession(scores, _one_thread(onnxruntime), providers=["CPUExecutionProvider"])

    def ask(columns: Columns) -> Floats:
        (found,) = session().run(None, _feeds(graph, columns))
        return _as_raw(node, raw_scores(found))

    return Native(
        names=tuple(names) or ("",) * sum(widths.values()),
        build=lambda sources: _build(graph, node, sources),
        ask=ask,
    )


def _one_thread(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _scores_only(model: Any, node: Any) -> bytes:
    """The model with the classifier's own scores as its only output, before they become probabilities."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for each in copy.graph.node:
        if each.output[:] == node.output[:]:
            kept = [attribute for attribute in each.attribute if attribute.name != "post_transform"]
            del each.attribute[:]
            each.attribute.extend([*kept, onnx.helper.make_attribute("post_transform", "NONE")])
    del copy.graph.output[:]
    copy.graph.output.append(onnx.helper.make_tensor_value_info(node.output[1], onnx.TensorProto.FLOAT, None))
    written: bytes = copy.SerializeToString()
    return written


def _feeds(graph: _Graph, columns: Columns) -> dict[str, NDArray[Any]]:
    feeds: dict[str, NDArray[Any]] = {}
    at = 0
    for name, width in graph.widths().items():
        part = columns[at : at + width]
        at += width
        if graph.kinds[name] == _STRING:
            feeds[name] = np.array([["" if cell is None else str(cell)] for cell in part[0]], dtype=object)
        else:
            kind = _NUMPY.get(graph.kinds[name], np.float32)
            feeds[name] = np.column_stack(part).astype(kind)
    return feeds


_NUMPY: Mapping[int, Any] = {_FLOAT: np.float32, _DOUBLE: np.float64, 7: np.int64, 6: np.int32}


class _Graph:
    """A graph's nodes by what they make, its constants, and its inputs with their kinds."""

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper

        self._nodes = list(model.graph.node)
        self._maker = {output: node for node in self._nodes for output in node.output}
        self._constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self._inputs = [each for each in model.graph.input if each.name not in self._constants]
        self.kinds = {each.name: each.type.tensor_type.elem_type for each in self._inputs}

    def classifier(self) -> Any:
        """The one node that classifies."""
        found = [node for node in self._nodes if node.op_type in _CLASSIFIERS]
        if len(found) != 1:
            operations = ", ".join(sorted({node.op_type for node in self._nodes})[:12])
            raise refuse(
                f"an ONNX graph with {len(found)} classifiers ({operations})",
                "export one linear or tree classifier, without ensembles of models around it",
            )
        return found[0]

    def widths(self) -> dict[str, int]:
        """How many columns each input of the graph has."""
        widths = {}
        for each in self._inputs:
            sizes = each.type.tensor_type.shape.dim
            widths[each.name] = int(sizes[1].dim_value) if len(sizes) > 1 else 1
            if widths[each.name] < 1:
                raise refuse(
                    f"an ONNX graph that does not say how wide its input {each.name} is",
                    "export it with the number of columns, as FloatTensorType([None, n])",
                )
        return widths

    def follow(self, name: str, given: Mapping[str, Inputs]) -> Inputs:
        """What a tensor of the graph is made of."""
        if name in given:
            return given[name]
        node = self._maker.get(name)
        rule = None if node is None else _RULES.get(node.op_type)
        if node is None or rule is None:
            operation = name if node is None else node.op_type
            raise refuse(
                f"an ONNX graph with the operation {operation}",
                "known operations are "
                + ", ".join(sorted({*_RULES, *_CLASSIFIERS}))
                + "; import the original model itself, such as the scikit-learn pipeline",
            )
        return rule(self, node, given)

    def constant(self, name: str) -> NDArray[Any] | None:
        """A constant's value; None where it is not constant."""
        if name in self._constants:
            return self._constants[name]
        node = self._maker.get(name)
        if node is not None and node.op_type == "Constant":
            from onnx import numpy_helper

            return numpy_helper.to_array(node.attribute[0].t)
        return None


def attributes(node: Any) -> dict[str, Any]:
    """A node's attributes as Python values; strings are decoded."""
    from onnx import helper

    found: dict[str, Any] = {}
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        if isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, list | tuple) and value and isinstance(value[0], bytes):
            value = [item.decode() for item in value]
        found[each.name] = value
    return found


def _same(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    return graph.follow(node.input[0], given)


def _cast(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    inputs, to = _same(graph, node, given), attributes(node)["to"]
    if to == _FLOAT:
        return [each.then(SINGLE) if each.steps[-1:] != (SINGLE,) and not _is_cell(each) else each for each in inputs]
    if to in (_DOUBLE, _STRING) or (to == 7 and all(map(_is_whole, inputs))):
        return inputs
    raise refuse("an ONNX graph that casts numbers to whole ones", "import the original model itself")


def _is_cell(each: Input) -> bool:
    return isinstance(each.source, Code)


def _is_whole(each: Input) -> bool:
    return isinstance(each.source, Code) or not each.steps


def _concat(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    return [each for name in node.input for each in graph.follow(name, given)]


def _choose(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    chosen = graph.constant(node.input[1])
    if chosen is None:
        raise refuse("an ONNX graph that chooses columns by a computed number")
    inputs = _same(graph, node, given)
    return [inputs[int(at)] for at in np.ravel(chosen)]


def _scaler(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    told = attributes(node)
    inputs = _same(graph, node, given)
    offsets, scales = (np.broadcast_to(np.float32(told[name]), len(inputs)).tolist() for name in ("offset", "scale"))
    return [
        each.then(Step("subtract", offset), SINGLE, Step("multiply", scale), SINGLE)
        for each, offset, scale in zip(inputs, offsets, scales, strict=True)
    ]


def _arithmetic(op: Any) -> Callable[[_Graph, Any, Mapping[str, Inputs]], Inputs]:
    def rule(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
        by = graph.constant(node.input[1])
        if by is None:
            raise refuse(
                f"an ONNX graph with {node.op_type} of two computed tensors", "import the original model itself"
            )
        inputs = _same(graph, node, given)
        each_by = np.broadcast_to(np.ravel(by), len(inputs)).astype(np.float64).tolist()
        rounding = () if by.dtype == np.float64 else (SINGLE,)
        return [each.then(Step(op, number), *rounding) for each, number in zip(inputs, each_by, strict=True)]

    return rule


def _imputer(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    told = attributes(node)
    if not np.isnan(told.get("replaced_value_float", 0.0)):
        raise refuse("an ONNX Imputer of another number than NaN", "put a missing value into the data instead")
    inputs = _same(graph, node, given)
    stands = np.broadcast_to(np.float32(told["imputed_value_floats"]), len(inputs)).tolist()
    found: Inputs = []
    for each, number in zip(inputs, stands, strict=True):
        if not isinstance(each.source, Value) or any(step != SINGLE for step in each.steps):
            raise refuse("an ONNX Imputer of anything but columns of the data", "put the imputer first")
        found.append(Input(Value(each.source.column, number), each.steps))
    return found


def _one_hot(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    told = attributes(node)
    values = tuple(str(value) for value in told.get("cats_strings") or told.get("cats_int64s") or ())
    (each,) = _same(graph, node, given)
    cell = _column(each, "OneHotEncoder")
    if not told.get("zeros", 1):
        raise refuse("an ONNX OneHotEncoder that refuses unknown categories", "export it with zeros=1")
    # A missing category arrives as an empty string, which is of no category.
    return [Input(Code(cell.column, (value,), (1.0,), other=0.0, missing=0.0)) for value in values]


def _label_encoder(graph: _Graph, node: Any, given: Mapping[str, Inputs]) -> Inputs:
    told = attributes(node)
    keys = told.get("keys_strings") or told.get("keys_int64s")
    values = next((told[name] for name in ("values_int64s", "values_floats") if told.get(name)), None)
    if keys is None or values is None:
        raise refuse("an ONNX LabelEncoder of other than strings to numbers", "import the original model itself")
    default = float(told.get("default_int64", -1) if "values_int64s" in told else told.get("default_float", -0.0))
    codes = tuple(float(value) for value in values)
    return [
        Input(Code(_column(each, "LabelEncoder").column, tuple(map(str, keys)), codes, other=default, missing=default))
        for each in _same(graph, node, given)
    ]


def _column(each: Input, operation: str) -> Value:
    if not isinstance(each.source, Value) or any(step != SINGLE for step in each.steps):
        raise refuse(f"an ONNX {operation} of anything but columns of the data", f"put the {operation} first")
    return each.source


_RULES: Mapping[str, Callable[[_Graph, Any, Mapping[str, Inputs]], Inputs]] = {
    "Identity": _same,
    "Reshape": _same,
    "Flatten": _same,
    "Squeeze": _same,
    "Cast": _cast,
    "Concat": _concat,
    "FeatureVectorizer": _concat,
    "ArrayFeatureExtractor": _choose,
    "Gather": _choose,
    "Scaler": _scaler,
    "Sub": _arithmetic("subtract"),
    "Div": _arithmetic("divide"),
    "Mul": _arithmetic("multiply"),
    "Add": _arithmetic("add"),
    "Imputer": _imputer,
    "OneHotEncoder": _one_hot,
    "LabelEncoder": _label_encoder,
}


def _build(graph: _Graph, node: Any, sources: Sequence[Source]) -> Foreign:
    given: dict[str, Inputs] = {}
    at = 0
    for name, width in graph.widths().items():
        rounding = (SINGLE,) if graph.kinds[name] == _FLOAT else ()
        given[name] = [Input(source, rounding) for source in sources[at : at + width]]
        at += width
    told = attributes(node)
    names = told.get("classlabels_strings") or told.get("classlabels_ints") or told.get("classlabels_int64s") or ()
    arrays, kind = _linear(told) if node.op_type == "LinearClassifier" else _trees(told, len(names))
    return Foreign(
        kind=kind,
        framework="ONNX",
        inputs=tuple(graph.follow(node.input[0], given)),
        arrays=arrays,
        classes=tuple(map(str, names)) or None,
        takes_missing=isinstance(arrays, Trees),
        single=True,
    )


def _as_raw(node: Any, scores: Floats) -> Floats:
    """Raw scores as `Foreign` has them, from the classifier's own."""
    told = attributes(node)
    if node.op_type == "LinearClassifier":
        return scores[:, 1:] if _is_logistic(told) else scores
    classes = len(told.get("classlabels_strings") or told.get("classlabels_int64s") or ())
    _, kind = _trees(told, classes)
    taken = scores[:, 1:] if classes == 2 and (kind == "forest" or len(set(told["class_ids"])) == 1) else scores
    return log_scores(taken) if kind == "forest" else taken


def _is_logistic(told: Mapping[str, Any]) -> bool:
    return told.get("post_transform") == "LOGISTIC"


def _linear(told: Mapping[str, Any]) -> tuple[Linear, Any]:
    intercept = np.array(told["intercepts"], dtype=np.float64)
    coefficients = np.array(told["coefficients"], dtype=np.float64).reshape(intercept.size, -1)
    post = told.get("post_transform", "NONE")
    if post == "LOGISTIC" and intercept.size <= 2:
        return Linear(coefficients[-1:], intercept[-1:]), "linear"
    if post != "SOFTMAX":
        raise refuse(
            f"an ONNX LinearClassifier of {intercept.size} outputs with {post}",
            "export a multinomial logistic regression",
        )
    return Linear(coefficients, intercept), "linear"


def _trees(told: Mapping[str, Any], classes: int) -> tuple[Trees, Any]:
    if "nodes_values_as_tensor" in told or "class_weights_as_tensor" in told:
        raise refuse("an ONNX TreeEnsembleClassifier in float64", "export it in float32")
    if told.get("aggregate_function", "SUM") != "SUM":
        raise refuse("an ONNX TreeEnsembleClassifier that does not sum its trees")
    post, base = told.get("post_transform", "NONE"), list(told.get("base_values", ()))
    forest = post == "NONE"
    ids = sorted(set(told["class_ids"]))
    binary = classes == 2 and (forest or len(ids) == 1)
    if forest and (base or min(told["class_weights"]) < 0.0):
        raise refuse("an ONNX TreeEnsembleClassifier without a link, whose leaves are no probabilities")
    if not forest and not (binary and post == "LOGISTIC") and post != "SOFTMAX":
        raise refuse(f"an ONNX TreeEnsembleClassifier of {classes} classes with {post}", "export it with SOFTMAX")
    wanted = [ids[-1]] if binary else list(range(classes))
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(told["nodes_treeids"]):
        rows_of.setdefault(number, []).append(row)
    weights: dict[tuple[int, int], list[tuple[int, float]]] = {}
    leaves = (told["class_treeids"], told["class_ids"], told["class_nodeids"], told["class_weights"])
    for number, label, leaf, weight in zip(*leaves, strict=True):
        weights.setdefault((number, label), []).append((leaf, weight * (len(rows_of) if forest else 1)))
    trees, outputs = [], []
    for number, rows in sorted(rows_of.items()):
        for output, wish in enumerate(wanted):
            tree = _tree(told, rows, weights.get((number, wish), ()))
            # A tree of one class only says nothing of the others.
            if forest or tree.value.any():
                trees.append(tree)
                outputs.append(output)
    start = base if len(base) == len(wanted) else [0.0] * len(wanted)
    return plant(trees, outputs, start), "forest" if forest else "trees"


_SWAPPED = {"BRANCH_GT": "BRANCH_LEQ", "BRANCH_GTE": "BRANCH_LT"}


def _tree(told: Mapping[str, Any], rows: Sequence[int], weights: Sequence[tuple[int, float]]) -> Tree:
    """The tree whose nodes stand at `rows`, with the weights of its leaves for one class."""
    place = {told["nodes_nodeids"][row]: at for at, row in enumerate(rows)}
    modes = [told["nodes_modes"][row] for row in rows]
    unknown = {*modes} - {"LEAF", "BRANCH_LEQ", "BRANCH_LT", *_SWAPPED}
    if unknown:
        raise refuse(f"an ONNX TreeEnsembleClassifier with splits {', '.join(sorted(unknown))}")
    leaf = np.array([mode == "LEAF" for mode in modes])
    swapped = np.array([mode in _SWAPPED for mode in modes])
    strict = np.array([_SWAPPED.get(mode, mode) == "BRANCH_LT" for mode in modes])
    values = np.array([told["nodes_values"][row] for row in rows], dtype=np.float32)
    threshold = np.where(strict, np.nextafter(values, np.float32(-np.inf)), values).astype(np.float64)
    true, false = (
        np.array([place.get(told[name][row], 0) for row in rows], dtype=np.int32)
        for name in ("nodes_truenodeids", "nodes_falsenodeids")
    )
    tracks = told.get("nodes_missing_value_tracks_true") or [0] * len(told["nodes_treeids"])
    to_true = np.array([bool(tracks[row]) for row in rows])
    weight = np.zeros(len(rows))
    for node, said in weights:
        weight[place[node]] += said
    return counted(
        Tree(
            feature=np.where(leaf, -1, [told["nodes_featureids"][row] for row in rows]).astype(np.int32),
            threshold=np.where(leaf, 0.0, threshold),
            left=np.where(swapped, false, true).astype(np.int32),
            right=np.where(swapped, true, false).astype(np.int32),
            missing=np.where(to_true ^ swapped, LEFT, RIGHT).astype(np.int8),
            value=np.where(leaf, weight, 0.0),
            cover=np.ones(len(rows)),  # nothing says how many rows a leaf had
        )
    )
