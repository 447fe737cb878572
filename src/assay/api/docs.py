"""/openapi.json, and /docs from files that come with the installation: no internet, no inline script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Assay</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/assets/favicon.png"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
_START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
"""


def add_docs(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> None:
    """Add the routes. `describe` makes the OpenAPI document of what is served now."""
    import fastapi_offline

    assets = Path(fastapi_offline.__file__).parent / "static"

    @app.get("/openapi.json", include_in_schema=False)
    def document() -> Response:
        return Response(msgspec.json.encode(describe()), media_type="application/json")

    @app.get("/", include_in_schema=False)
    def entrance() -> Response:
        return RedirectResponse("/docs")

    @app.get("/docs", include_in_schema=False)
    def page() -> Response:
        return Response(_PAGE, media_type="text/html")

    @app.get("/docs/start.js", include_in_schema=False)
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    app.mount("/docs/assets", StaticFiles(directory=assets), name="assets")
