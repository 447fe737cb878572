"""Write docs/reference from the code: settings, spec keys, commands, errors, metrics. A test holds the files to it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from assay import errors
from assay.api.exposition import GAUGES
from assay.api.problems import KINDS
from assay.cli.main import COMMANDS, app, exit_code
from assay.rpc.server import CODES
from assay.serving.metrics import METRICS
from assay.settings import Settings
from assay.spec import later, scalars
from assay.spec.meanings import MEANINGS
from assay.spec.tree import Gate, Spec

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by scripts/write_reference.py (make docs); edit the code, not this file. -->"
#: What a reader of a spec calls the values that these functions accept.
WORDS = {
    scalars.to_text: "text",
    scalars.to_number: "number",
    scalars.to_integer: "whole number",
    scalars.to_flag: "true, false",
    scalars.to_share: "share (0.05 or 5%)",
    scalars.to_duration: "duration (90s, 10m, 1h, 7d)",
    scalars.to_bound: "number or `majority`",
    scalars.to_auto_flag: "auto, true, false",
    scalars.to_auto_share: "auto or a share",
    scalars.to_auto_integer: "auto or a whole number",
    scalars.to_mark: "one character, none or auto",
}


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "settings.md": settings_page(),
        "spec.md": spec_page(),
        "cli.md": cli_page(),
        "errors.md": errors_page(),
        "metrics.md": metrics_page(),
    }


def settings_page() -> str:
    """One row a setting."""
    rows = [
        (f"`ASSAY_{name.upper()}`", _code(field.default), _choices(field.annotation), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "Read once from the environment when a command or a server starts. A value that cannot be used stops the start "
        "with the variable named.",
        _table(("variable", "default", "values", "meaning"), rows),
    )


def spec_page() -> str:
    """One row a key of classifier.yaml."""
    keys = list(_keys(Spec, ""))
    if unlike := {path for path, *_ in keys} ^ MEANINGS.keys():
        raise SystemExit(f"assay/spec/meanings.py and assay/spec/tree.py differ in {', '.join(sorted(unlike))}")
    rows = [
        (f"`{path}`", kind, default, " ".join(part for part in (MEANINGS[path], remark) if part))
        for path, kind, default, remark in keys
    ]
    return _page(
        "Keys of classifier.yaml",
        "`<name>` stands for any name, `[]` for each entry of a list. Unknown keys are errors with a suggestion. Keys "
        "marked *not yet* belong to the language but not to this version: they are refused, never ignored.",
        _table(("key", "value", "default", "meaning"), rows),
    )


def cli_page() -> str:
    """One section a command."""
    group = typer.main.get_command(app)
    parts = []
    for name, (_, summary) in COMMANDS.items():
        command = group.get_command(None, name)
        parts.append(f"## assay {name}\n\n{summary}\n\n{_parameters(command)}")
        for below, sub in sorted(getattr(command, "commands", {}).items()):
            parts.append(f"### assay {name} {below}\n\n{sub.get_short_help_str(200)}\n\n{_parameters(sub)}")
    return _page(
        "Commands",
        "Exit codes: 0 done, 1 the gates said no or the work failed, 2 wrong usage or wrong input. Results go to "
        "standard output, everything else to standard error; with `--json` a result is one JSON document.",
        "\n\n".join(part.strip() for part in parts),
    )


def errors_page() -> str:
    """The error tree with what each door makes of it."""
    rows = []
    for kind in _descendants(errors.AssayError):
        depth = len([ancestor for ancestor in kind.__mro__ if issubclass(ancestor, errors.AssayError)]) - 1
        told = KINDS[kind]
        said = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        name = f"{'&nbsp;' * 4 * depth}`{kind.__name__}`"
        rows.append((name, str(exit_code(kind(""))), str(told.status), CODES[kind].name, told.name, said))
    return _page(
        "Errors",
        "One tree for everything that goes wrong on purpose. The terminal maps it to exit codes, HTTP to RFC 9457 "
        "problem documents whose `type` is `urn:assay:problem:<name>`, gRPC to status codes. Anything outside the tree "
        "is a fault of Assay: exit code 1 with a traceback, status 500 and INTERNAL without details.",
        _table(("error", "exit", "status", "gRPC", "name", "meaning"), rows),
    )


def metrics_page() -> str:
    """What /metrics exposes."""
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in METRICS
    ]
    rows += [(f"`{name}`", "gauge", "", text) for name, text in GAUGES.items()]
    return _page(
        "Metrics",
        "Exposed at `/metrics` in the Prometheus text format, summed over all workers of a server.",
        _table(("metric", "kind", "labels", "meaning"), rows),
    )


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Path, values, default and a remark of every key below `prefix`. The gates on single metrics are told once."""
    gates = [name for name, field in model.model_fields.items() if _nested(field.annotation)[1] is Gate]
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        below, inside = _nested(field.annotation)
        if name in gates[1:]:
            continue
        if inside is Gate:
            for path, kind, default, _ in _keys(Gate, f"{prefix}<metric>."):
                yield path, kind, default, f"Metrics: {', '.join(gates)}."
            continue
        if inside is None or _stands_alone(field.annotation):
            kind = _values(field.annotation, field.metadata)
            default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
            yield path, kind, default, _until(path, field.annotation)
        if inside is not None:
            yield from _keys(inside, f"{path}{below}.")


def _nested(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """How a model is reached from here (directly, by name, in a list), and the model; or none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "", annotation
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        found = [_nested(part) for part in parts]
        return next((one for one in found if one[1] is not None), ("", None))
    if origin is tuple and parts:
        return "[]", _nested(parts[0])[1]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ".<name>", _nested(parts[1])[1]
    return "", _nested(parts[0])[1] if hasattr(annotation, "__metadata__") else None


def _stands_alone(annotation: Any) -> bool:
    """Whether something other than a model may stand here too."""
    if get_origin(annotation) not in {Union, UnionType}:
        return False
    return any(part is not type(None) and _nested(part)[1] is None for part in get_args(annotation))


def _values(annotation: Any, metadata: Iterable[Any]) -> str:
    """What a key takes: the word for the function that reads it, or the choices of its type."""
    word = next((WORDS[found] for item in metadata if (found := getattr(item, "func", None)) in WORDS), "")
    return word if word not in {"", "text"} else _choices(annotation)


def _choices(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(map(str, parts))
    if origin in {Union, UnionType}:
        plain = [part for part in parts if part is not type(None) and _nested(part)[1] is None]
        return " or ".join(dict.fromkeys(map(_choices, plain)))
    if hasattr(annotation, "__metadata__"):
        return _values(annotation.__origin__, annotation.__metadata__)
    if origin is tuple:
        return f"list of {_choices(parts[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping to {_choices(parts[1])}"
    return {str: "text", float: "number", int: "whole number", bool: "true, false", Path: "path"}.get(annotation, "any")


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for part in get_args(annotation) for choice in _literals(part)]


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or value in ((), {}):
        return ""
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():g} s"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" if part != "" else '`""`' for part in value)
    return str(value)


def _until(path: str, annotation: Any) -> str:
    """What of a key is refused in this version."""
    parts = path.replace("[]", ".*").replace("<name>", "*").split(".")
    said = []
    for pattern, needs, what in later.NOT_YET:
        if parts[: len(pattern)] != [part for part in pattern if part != "*"]:
            continue
        if needs is later._always:  # noqa: SLF001 - the one function that stands for the whole key
            return "*not yet*"
        refused = [str(choice) for choice in _literals(annotation) if needs(choice)]
        said.append(f"*not yet:* {', '.join(refused) or what}")
    return "; ".join(said)


def _parameters(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if parameter.name == "help" or parameter.hidden:
            continue
        spelled = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        if parameter.param_type_name == "argument":
            spelled = f"`{parameter.name.upper()}`"
        elif parameter.metavar:
            spelled = f"`{', '.join(parameter.opts)} {parameter.metavar}`"
        default = parameter.default if isinstance(parameter.default, str | int | float) else None
        told = "required" if parameter.required else "" if default is None or default is False else str(default)
        rows.append((spelled, told, (parameter.help or "").replace("\n", " ")))
    return _table(("option", "default", "meaning"), rows) if rows else ""


def _descendants(kind: type[errors.AssayError]) -> Iterator[type[errors.AssayError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _descendants(below)


def _code(value: Any) -> str:
    return "" if value is None else f"`{value}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _page(title: str, text: str, body: str) -> str:
    return f"{NOTE}\n\n# {title}\n\n{text}\n\n{body}\n"


def main() -> None:
    """Write the pages that changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(FOLDER.parent.parent), file=sys.stdout)


if __name__ == "__main__":
    main()
