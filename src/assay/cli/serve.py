"""`assay serve`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.terminal import console, notice
from assay.errors import MissingDependencyError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from assay.rpc.server import GrpcDoor
    from assay.settings import Settings

_LIBRARIES = ("grpc", "google")


def serve(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Classifiers or versions (spam, spam@3); without any, every deployed classifier."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    grpc_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Also serve the Open Inference Protocol over gRPC; 0 takes a free port."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that answer.")] = 1,
) -> None:
    """Serve every deployed classifier, or the ones named, and follow their deployments."""
    from assay.api.run import serve as run
    from assay.app import open_app

    app = open_app()
    notice(f"state in {app.home}", "dim")

    def announce(address: str, command: str) -> None:
        notice(f"serving at {address}, documentation at {address}/docs")
        notice("open to every program on this machine: no access keys are configured")
        console.print(f"try: {command}", markup=False, soft_wrap=True)

    with ExitStack() as held:
        beside = () if grpc_port is None else (held.enter_context(_reserve(host, grpc_port, app.settings)),)
        run(app, names or (), host=host, port=port, workers=workers, announce=announce, beside=beside)


def _reserve(host: str, port: int, settings: Settings) -> AbstractContextManager[GrpcDoor]:
    try:
        from assay.rpc.server import reserve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _LIBRARIES:
            raise
        raise MissingDependencyError(
            f"gRPC needs {error.name}, which is not installed", remedy='pip install "assay-ml[grpc]"'
        ) from None
    return reserve(host, port, max_body=settings.max_body_kb * 1024, grace_s=settings.shutdown_timeout_s)
