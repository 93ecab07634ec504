"""``boilerplate inspect``: where a model comes from."""

from __future__ import annotations

from pathlib import Path

import click

from boilerplate.cli.common import print_json


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "md"]),
    default="table",
    show_default=True,
    help="md: a model card.",
)
def inspect(model: Path | None, format_: str) -> None:
    """Show a model's manifest: data, versions, scores. Without MODEL: the shipped one.

    \b
    boilerplate inspect
    boilerplate inspect my.joblib --format json
    boilerplate inspect my.joblib --format md > model-card.md
    """
    from boilerplate.persistence import read_manifest, shipped_path

    if model is None:
        with shipped_path().open("rb") as file:
            manifest = read_manifest(file)
    else:
        manifest = read_manifest(model)
    if format_ == "json":
        print_json(manifest)
        return
    if format_ == "md":
        from boilerplate.model_card import model_card

        name = "the model that boilerplate ships" if model is None else model.name
        click.echo(model_card(manifest, name).encode("utf-8", "backslashreplace"), nl=False)
        return
    from boilerplate.cli.view import console, manifest_table
    from boilerplate.kernel import compiled

    table = manifest_table(manifest)
    table.add_row("this installation", "with compiled loops" if compiled() else "without compiled loops: slower")
    console().print(table)
