"""`shuzi serve`."""

from pathlib import Path
from typing import Any

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
def serve(browser: bool, allow_host: tuple[str, ...], **settings: Any) -> None:  # of ServerSettings
    """Open the drawing page.

    Draw digits on it, and see what is read and why.
    """
    server = needs("serve", "shuzi.serve.server")
    named = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    server.serve(server.ServerSettings(allow_hosts=allow_host, **named), browser)
