"""Opening a database: migrations, transactions, and what goes wrong."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, select, text

from assay.adapters.sql import engine as opened
from assay.adapters.sql.engine import open_database, reading, writing
from assay.adapters.sql.schema import HEAD, metadata, outcomes
from assay.errors import NotSupportedError, SettingsError, StorageError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'assay.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = open_database(url)
    yield made
    made.dispose()


def _outcome(number: int) -> dict[str, object]:
    return {"outcome_id": f"o{number}", "label": "spam", "source": "api", "received_at": 1.0}


def _count(engine: Engine) -> int:
    with reading(engine) as connection:
        return len(connection.execute(select(outcomes)).all())


def test_the_migrations_make_exactly_the_schema(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_the_schema_names_the_newest_migration(engine: Engine) -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(opened.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
    with reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_opening_again_keeps_what_is_there(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        connection.execute(insert(outcomes).values(_outcome(1)))
    again = open_database(url)
    assert _count(again) == 1
    again.dispose()


def test_several_processes_may_find_it_empty(url: str) -> None:
    program = "import sys; from assay.adapters.sql.engine import open_database; open_database(sys.argv[1]).dispose()"
    processes = [subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE) for _ in range(3)]
    complaints = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], complaints


def test_an_up_to_date_database_is_opened_without_alembic(engine: Engine, url: str) -> None:
    program = (
        "import sys; from assay.adapters.sql.engine import open_database; open_database(sys.argv[1]).dispose()\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_migration_that_fails_leaves_nothing(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "assay.db") as connection:
        connection.execute("CREATE TABLE outcomes (in_the_way INTEGER)")
    connection.close()
    with pytest.raises(StorageError, match="outcomes"):
        open_database(url)
    with sqlite3.connect(tmp_path / "assay.db") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    assert tables == [("outcomes",)]


def test_a_database_of_a_newer_version_is_left_alone(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="9999") as caught:
        open_database(url)
    assert "upgrade" in caught.value.remedy


def test_a_transaction_lands_whole_or_not_at_all(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(outcomes).values(_outcome(1)))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_fail()
    assert _count(engine) == 0


def test_writers_wait_for_each_other(engine: Engine) -> None:
    def write(number: int) -> None:
        with writing(engine) as connection:
            seen = len(connection.execute(select(outcomes)).all())
            connection.execute(insert(outcomes).values(_outcome(seen)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(30)))
    assert _count(engine) == 30


def test_what_the_database_refuses_is_a_storage_error(engine: Engine) -> None:
    with pytest.raises(StorageError, match="UNIQUE"), writing(engine) as connection:
        connection.execute(insert(outcomes), [_outcome(1), _outcome(1)])
    with pytest.raises(StorageError, match="no such table"), reading(engine) as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert _count(engine) == 0


def test_a_full_disk_is_a_storage_error_and_leaves_the_database_sound(engine: Engine, tmp_path: Path) -> None:
    size = (tmp_path / "assay.db").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, hard))
    try:
        rows = [{**_outcome(number), "comment": "x" * 1000} for number in range(500)]
        with pytest.raises(StorageError), writing(engine) as connection:
            connection.execute(insert(outcomes), rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _count(engine) == 0
    with writing(engine) as connection:
        connection.execute(insert(outcomes).values(_outcome(1)))
    assert _count(engine) == 1


def test_a_file_of_something_else_is_a_storage_error(url: str, tmp_path: Path) -> None:
    (tmp_path / "assay.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_database(url)


def test_a_directory_that_does_not_exist_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        open_database(f"sqlite:///{tmp_path / 'nowhere' / 'assay.db'}")


def test_a_url_that_is_none_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="ASSAY_DATABASE_URL"):
        open_database("my database")


@pytest.mark.parametrize("url", ["postgresql://ann:secret@db/assay", "mysql://db/assay", "sqlite+aiosqlite:///a.db"])
def test_other_databases_are_not_yet_supported(url: str) -> None:
    with pytest.raises(NotSupportedError, match="not yet supported") as caught:
        open_database(url)
    assert "secret" not in caught.value.message
