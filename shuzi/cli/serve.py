"""`shuzi serve`."""

from pathlib import Path
from typing import Annotated

import typer

from shuzi.cli.options import Weights
from shuzi.errors import needs


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8000,
    weights: Weights = None,
    workers: Annotated[int, typer.Option(help="Number of processes that read.")] = 2,
    review: Annotated[
        Path | None,
        typer.Option(help="Review what is uncertain in this CSV file of numbers, tables or forms.", metavar="CSV"),
    ] = None,
    decimal: Annotated[
        str, typer.Option(help="With --review: the decimal sign, . or , for numbers such as 1.234.")
    ] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Don't save corrections.")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name under which a proxy serves the page.", metavar="HOST")
    ] = None,
) -> None:
    """Open the drawing page.

    Draw digits on it, and see what is read and why.
    """
    server = needs("serve", "shuzi.serve.server")
    settings = server.ServerSettings(
        host,
        port,
        None if weights is None else str(weights),
        workers,
        read_only,
        tuple(allow_host or ()),
        review=None if review is None else str(review),
        decimal=decimal,
    )
    server.serve(settings, browser)
