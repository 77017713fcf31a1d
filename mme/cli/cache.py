"""`mme cache`: what is kept on disk, and how to get rid of it."""

from __future__ import annotations

from typing import Annotated

import typer

from mme.cli.app import app, refuse_idle
from mme.cli.output import AsJson, print_json, print_table
from mme.errors import InputError
from mme.store import DAY, Store, cache_folder, size_of

__all__ = ["cache_app"]

UNUSED = "Only what was not used for so many days."
STORES = {"spectra": "spectra-3", "measurements": "measurements-1"}

cache_app = typer.Typer(help="Show what is kept on disk, or clear it.", invoke_without_command=True)
app.add_typer(cache_app, name="cache")


@cache_app.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is kept on disk: spectra, and everything else that can be made again."""
    if context.invoked_subcommand is not None:
        refuse_idle(context, f"before {context.invoked_subcommand}", "as_json")
        return
    folder, stores = cache_folder(), {kind: Store(name) for kind, name in STORES.items()}
    inside = {store.folder for store in stores.values()}
    others = [path for path in folder.rglob("*") if inside.isdisjoint(path.parents) and path.is_file()]
    kept = {kind: (len(store), store.size()) for kind, store in stores.items()}
    other = (len(others), sum(map(size_of, others)))
    if as_json:
        told = {kind: files for kind, (files, _) in kept.items()}
        told |= {f"{kind}_bytes": size for kind, (_, size) in kept.items()}
        print_json({"folder": str(folder)} | told | {"other_files": other[0], "other_bytes": other[1]})
        return
    kept["trained networks and tables"] = other
    rows = [(what, files, f"{size / 1e6:.1f} MB") for what, (files, size) in kept.items()]
    print_table(("", "files", "size"), rows)
    typer.echo(f"in {folder}")


@cache_app.command()
def clear(older_than: Annotated[float, typer.Option(metavar="DAYS", min=0, help=UNUSED)] = 0.0) -> None:
    """Delete the kept spectra and measurements."""
    for kind, store in ((kind, Store(name)) for kind, name in STORES.items()):
        try:
            deleted = store.clear(older_than * DAY)
        except OSError as error:
            raise InputError(f"{store.folder} cannot be cleared ({error.strerror or error}).") from None
        typer.echo(f"{deleted} {kind} deleted from {store.folder}.")
