"""The settings tree: one table of `ASSAY_*` variables, read once by the composition root."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.errors import Problem, SettingsError

_PREFIX = "ASSAY_"
_LATER = frozenset({"BLOBS_URL", "ONLINE_URL", "EVENTS_URL", "TRACKING_URI"})

Durability = Literal["process", "power", "replicated", "off"]


class Settings(BaseModel):
    """Every setting with its default and its help; docs and `assay doctor` show this same table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path | None = Field(None, description="Where all state lives; the default is .assay beside the spec.")
    database_url: str | None = Field(None, description="Database; the default is SQLite in ASSAY_HOME.")
    log_durability: Durability = Field("process", description="What an acknowledged prediction survives.")
    log_cap_mb: int = Field(1024, ge=1, description="Size of the spool at which log_full decides.")
    log_full: Literal["reject", "answer_unlogged"] = Field("reject", description="What happens when the spool is full.")
    max_body_kb: int = Field(1024, ge=1, description="Largest request body.")
    max_rows: int = Field(1000, ge=1, description="Most rows in one bulk request.")
    max_in_flight: int = Field(
        256, ge=1, description="Most bulk requests and explanations open at once in a worker; others get a 503."
    )
    max_ready: int = Field(
        128, ge=1, description="Most requests that a worker finds ready at once, where that lasts; others get a 503."
    )
    follow_interval_s: float = Field(0.5, gt=0, description="How often a server looks for a new deployment.")
    shutdown_timeout_s: float = Field(10.0, gt=0, description="How long open requests may take after SIGTERM.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level of the server log."
    )
    log_format: Literal["auto", "json", "plain"] = Field(
        "auto", description="Lines of the server log; auto: plain on a terminal, JSON elsewhere."
    )


def read_settings() -> Settings:
    """Read the settings from the environment; a variable that is empty counts as none.

    Raises:
        SettingsError: a variable has a value that cannot be used, or a misspelt name; names the variable.
    """
    if problems := _misspelt():
        raise SettingsError("the settings cannot be used", problems=problems, remedy="correct or unset them")
    try:
        return Settings.model_validate({name: value for name in Settings.model_fields if (value := _said(name))})
    except ValidationError as error:
        problems = [
            Problem(_PREFIX + "_".join(str(part) for part in item["loc"]).upper(), item["msg"])
            for item in error.errors()
        ]
        raise SettingsError("the settings cannot be used", problems=problems) from None


def _said(name: str) -> str | None:
    return os.environ.get(_PREFIX + name.upper())


def _misspelt() -> list[Problem]:
    """Variables that are almost a setting, or one to come: neither may leave a default in place unseen."""
    known = [name.upper() for name in Settings.model_fields]
    problems = []
    for variable in sorted(os.environ):
        name = variable.removeprefix(_PREFIX)
        if name == variable or name in known:
            continue
        if name in _LATER:
            problems.append(Problem(variable, "is not yet supported"))
        elif close := get_close_matches(name, known, n=1, cutoff=0.7):
            problems.append(Problem(variable, f"is no setting; did you mean ASSAY_{close[0]}?"))
    return problems
