"""`shuzi serve`."""

from pathlib import Path

import click

from shuzi.cli import options
from shuzi.errors import needs


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=int, default=8000, help="Port; 0 picks a free one.")
@options.weights
@click.option("--workers", type=int, default=2, help="Number of processes that read.")
@click.option(
    "--review",
    type=options.PATH,
    metavar="CSV",
    help="Review what is uncertain in this CSV file of numbers, tables or forms.",
)
@click.option(
    "--decimal",
    default="",
    show_default=False,
    help="With --review: the decimal sign, . or , for numbers such as 1.234.",
)
@click.option("--read-only", is_flag=True, help="Don't save corrections.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@click.option("--allow-host", multiple=True, metavar="HOST", help="A host name under which a proxy serves the page.")
def serve(
    host: str,
    port: int,
    weights: Path | None,
    workers: int,
    review: Path | None,
    decimal: str,
    read_only: bool,
    browser: bool,
    allow_host: tuple[str, ...],
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
        allow_host,
        review=None if review is None else str(review),
        decimal=decimal,
    )
    server.serve(settings, browser)
