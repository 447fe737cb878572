"""`assay serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.terminal import console, notice


def serve(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Classifiers or versions (spam, spam@3); without any, every deployed classifier."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
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

    run(app, names or (), host=host, port=port, workers=workers, announce=announce)
