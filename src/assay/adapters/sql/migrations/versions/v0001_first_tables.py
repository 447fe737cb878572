"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0001"
down_revision = None


def upgrade() -> None:
    _model_versions()
    _model_deployments()
    _deployments()
    _prediction_logs()
    _outcomes()


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        Column("classifier", sa.String(length=200), nullable=False),
        Column("version", sa.Integer(), autoincrement=False, nullable=False),
        Column("release_digest", sa.String(length=64), nullable=False),
        Column("policy_digest", sa.String(length=64), nullable=False),
        Column("manifest", sa.String(length=64), nullable=False),
        Column("stage", sa.String(length=20), nullable=False),
        Column("passed", sa.Boolean(), nullable=False),
        Column("framework", sa.String(length=100), nullable=False),
        Column("metrics", sa.JSON(), nullable=False),
        Column("size_bytes", sa.BigInteger(), nullable=False),
        Column("created_at", sa.Double(), nullable=False),
        Column("created_by", sa.String(length=200), nullable=False),
        Column("approved_by", sa.String(length=200)),
        Column("approved_at", sa.Double()),
        Column("gate_uses", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("classifier", "version", name="pk_model_versions"),
        sa.UniqueConstraint("classifier", "release_digest", name="uq_model_versions_classifier_release_digest"),
    )


def _model_deployments() -> None:
    op.create_table(
        "model_deployments",
        Column("id", sa.Integer(), nullable=False),
        Column("classifier", sa.String(length=200), nullable=False),
        Column("generation", sa.Integer(), nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("type", sa.String(length=20), nullable=False),
        Column("canary_version", sa.Integer()),
        Column("canary_share", sa.Double(), nullable=False),
        Column("salt", sa.String(length=64), nullable=False),
        Column("deployed_at", sa.Double(), nullable=False),
        Column("deployed_by", sa.String(length=200), nullable=False),
        Column("reason", sa.Text(), nullable=False),
        Column("metrics", sa.JSON(), nullable=False),
        Column("active", sa.Boolean(), nullable=False),
        Column("deactivated_at", sa.Double()),
        sa.ForeignKeyConstraint(
            ["classifier", "version"],
            ["model_versions.classifier", "model_versions.version"],
            name="fk_model_deployments_classifier_version",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_deployments"),
        sa.UniqueConstraint("classifier", "generation", name="uq_model_deployments_classifier_generation"),
    )


def _deployments() -> None:
    op.create_table(
        "deployments",
        Column("classifier", sa.String(length=200), nullable=False),
        Column("generation", sa.Integer(), nullable=False),
        Column("deployment_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["model_deployments.id"], name="fk_deployments_deployment_id"),
        sa.PrimaryKeyConstraint("classifier", name="pk_deployments"),
    )


def _prediction_logs() -> None:
    op.create_table(
        "prediction_logs",
        Column("id", sa.String(length=64), nullable=False),
        Column("classifier", sa.String(length=200), nullable=False),
        Column("model_version", sa.Integer(), nullable=False),
        Column("release_digest", sa.String(length=64), nullable=False),
        Column("policy_digest", sa.String(length=64), nullable=False),
        Column("deployment_id", sa.Integer()),
        Column("request_id", sa.String(length=200)),
        Column("entity_hash", sa.String(length=64)),
        Column("input_text", sa.Text()),
        Column("input_hash", sa.String(length=64), nullable=False),
        Column("predicted_label", sa.Integer()),
        Column("predicted_class", sa.Text()),
        Column("decision", sa.Text()),
        Column("confidence_score", sa.Double()),
        Column("prediction", sa.Double()),
        Column("probabilities", sa.JSON(none_as_null=True)),
        Column("prediction_time", sa.Double(), nullable=False),
        Column("predicted_at", sa.Double(), nullable=False),
        Column("features", sa.JSON(none_as_null=True)),
        Column("cache_hit", sa.Boolean(), nullable=False),
        Column("degraded", sa.JSON(none_as_null=True)),
        Column("metadata", sa.Text()),
        Column("error", sa.Text()),
        Column("feedback_score", sa.Double()),
        Column("is_correct", sa.Boolean()),
        Column("drift_score", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_logs"),
    )
    op.create_index("ix_prediction_logs_classifier_predicted_at", "prediction_logs", ["classifier", "predicted_at"])
    op.create_index("ix_prediction_logs_deployment_id", "prediction_logs", ["deployment_id"])
    op.create_index("ix_prediction_logs_entity_hash_predicted_at", "prediction_logs", ["entity_hash", "predicted_at"])
    op.create_index("ix_prediction_logs_input_hash", "prediction_logs", ["input_hash"])
    op.create_index("ix_prediction_logs_predicted_at", "prediction_logs", ["predicted_at"])
    op.create_index("ix_prediction_logs_predicted_class", "prediction_logs", ["predicted_class"])


def _outcomes() -> None:
    op.create_table(
        "outcomes",
        Column("outcome_id", sa.String(length=64), nullable=False),
        Column("prediction_id", sa.String(length=64)),
        Column("entity_hash", sa.String(length=64)),
        Column("predicted_at", sa.Double()),
        Column("label", sa.Text(), nullable=False),
        Column("score", sa.Double()),
        Column("source", sa.Text(), nullable=False),
        Column("comment", sa.Text()),
        Column("received_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("outcome_id", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_entity_hash", "outcomes", ["entity_hash"])
    op.create_index("ix_outcomes_prediction_id", "outcomes", ["prediction_id"])
    op.create_index("ix_outcomes_received_at", "outcomes", ["received_at"])
