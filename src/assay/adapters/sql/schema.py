"""The tables, in one schema object. Every statement is built from these with bound parameters; no SQL is put together.

Times are epoch seconds, UTC. A change here needs a migration, and `HEAD` names the newest one.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

#: The newest migration.
HEAD = "0001"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: Every registered release. Rows are never deleted; only the stage and its approver change.
model_versions = Table(
    "model_versions",
    metadata,
    Column("classifier", String(200), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("release_digest", String(64), nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("manifest", String(64), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("framework", String(100), nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("approved_by", String(200)),
    Column("approved_at", Double),
    Column("gate_uses", Integer, nullable=False),
    UniqueConstraint("classifier", "release_digest"),
)

#: The production history: one row a change of a deployment, the newest of a classifier is active.
model_deployments = Table(
    "model_deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("classifier", String(200), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(20), nullable=False),
    Column("canary_version", Integer),
    Column("canary_share", Double, nullable=False),
    Column("salt", String(64), nullable=False),
    Column("deployed_at", Double, nullable=False),
    Column("deployed_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("deactivated_at", Double),
    UniqueConstraint("classifier", "generation"),
    ForeignKeyConstraint(["classifier", "version"], ["model_versions.classifier", "model_versions.version"]),
)

#: Who serves now, one row a classifier; the fact that servers follow.
deployments = Table(
    "deployments",
    metadata,
    Column("classifier", String(200), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("deployment_id", Integer, ForeignKey("model_deployments.id"), nullable=False),
)

#: Every prediction. It refers to nothing by foreign key: a fact lands whatever else the database knows.
prediction_logs = Table(
    "prediction_logs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("classifier", String(200), nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("release_digest", String(64), nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("deployment_id", Integer),
    Column("request_id", String(200)),
    Column("entity_hash", String(64)),
    Column("input_text", Text),
    Column("input_hash", String(64), nullable=False),
    Column("predicted_label", Integer),
    Column("predicted_class", Text),
    Column("decision", Text),
    Column("confidence_score", Double),
    Column("prediction", Double),
    Column("probabilities", JSON(none_as_null=True)),
    Column("prediction_time", Double, nullable=False),
    Column("predicted_at", Double, nullable=False),
    Column("features", JSON(none_as_null=True)),
    Column("cache_hit", Boolean, nullable=False),
    Column("degraded", JSON(none_as_null=True)),
    Column("metadata", Text),
    Column("error", Text),
    Column("feedback_score", Double),
    Column("is_correct", Boolean),
    Column("drift_score", Double),
    Index(None, "predicted_at"),
    Index(None, "classifier", "predicted_at"),
    Index(None, "predicted_class"),
    Index(None, "deployment_id"),
    Index(None, "input_hash"),
    Index(None, "entity_hash", "predicted_at"),
)

#: True labels as they came; which of them counts is decided when they are joined to their predictions.
outcomes = Table(
    "outcomes",
    metadata,
    Column("outcome_id", String(64), primary_key=True),
    Column("prediction_id", String(64)),
    Column("entity_hash", String(64)),
    Column("predicted_at", Double),
    Column("label", Text, nullable=False),
    Column("score", Double),
    Column("source", Text, nullable=False),
    Column("comment", Text),
    Column("received_at", Double, nullable=False),
    Index(None, "prediction_id"),
    Index(None, "entity_hash"),
    Index(None, "received_at"),
)
