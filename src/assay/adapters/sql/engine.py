"""Opens the database: connection settings, transactions, migrations. What SQL gets wrong leaves here as a StorageError.

SQLite keeps its rollback journal: versions before 3.51.3, which Python may bundle, can corrupt a database in WAL mode.
So a long read holds writers up: read in pages. Writers take the lock at once and wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from assay.adapters.sql.schema import HEAD
from assay.errors import NotSupportedError, SettingsError, StorageError

_BUSY_TIMEOUT_S = 10.0
_BEGIN = "assay_begin"


def open_database(url: str) -> Engine:
    """Connect to the database and bring its tables to the newest schema; an empty one gets them.

    Raises:
        SettingsError: the URL cannot be read.
        NotSupportedError: it is not SQLite.
        StorageError: the database cannot be opened, or a newer version of Assay wrote it.
    """
    engine = _make_engine(url)
    try:
        _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database. Raises StorageError when the database cannot be read."""
    with _storage_errors("read"), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that holds the write lock from its start: all of it lands or nothing does.

    Raises:
        StorageError: the database did not take it.
    """
    with (
        _storage_errors("write to"),
        engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection,
        connection.begin(),
    ):
        yield connection


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "ASSAY_DATABASE_URL is not a database URL", remedy="for SQLite it is sqlite:///FILE"
        ) from None
    if parsed.drivername != "sqlite":
        raise NotSupportedError(
            f"ASSAY_DATABASE_URL: {parsed.drivername} is not yet supported",
            remedy="use sqlite:///FILE, or leave it out",
        )
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: it leaves DDL and reads outside of them.
    connection.isolation_level = None
    for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _migrate(engine: Engine) -> None:
    with reading(engine) as connection:
        if _revision(connection) == HEAD:
            return
    with writing(engine) as connection:
        revision = _revision(connection)
        if revision != HEAD:
            _upgrade(connection, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _upgrade(connection: Connection, revision: str | None) -> None:
    # Alembic is slow to import and seldom needed.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StorageError(
            f"the database has schema {revision}, which this version of Assay does not know",
            remedy="a newer version wrote it: upgrade Assay",
        )
    command.upgrade(config, "head")


@contextmanager
def _storage_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        raise StorageError(
            f"could not {doing} the database: {cause}",
            remedy="check that ASSAY_HOME is on a disk with space that you can write to, and run assay doctor",
        ) from error
