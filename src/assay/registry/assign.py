"""Which version of a deployed classifier answers whom. Pure."""

from __future__ import annotations

from assay.values import Deployment


def assign(deployment: Deployment) -> int:
    """The version that answers: the stable one."""
    return deployment.version
