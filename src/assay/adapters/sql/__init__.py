"""SQL through SQLAlchemy Core: SQLite by default, the same code for PostgreSQL."""
