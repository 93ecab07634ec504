"""``boilerplate convert``: annotated pages from one format to the other."""

from __future__ import annotations

from pathlib import Path

import click

from boilerplate.cli.common import read_annotated
from boilerplate.errors import InputError


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--corrections",
    type=click.Path(path_type=Path),
    metavar="PAGES",
    help="Copies of pages of IN with other labels, which OUT gets; see `boilerplate audit`.",
)
def convert(source: Path, target: Path, corrections: Path | None) -> None:
    """Convert annotated pages between JSON Lines and page files.

    OUT is a .jsonl or .jsonl.gz file, a .page file (for one page), or a new folder of page files.

    \b
    boilerplate convert pages.jsonl.gz pages/
    boilerplate convert pages/ pages.jsonl
    boilerplate convert pages/ better/ --corrections suspects/
    """
    from boilerplate.audit import corrected
    from boilerplate.corpus import JSON_SUFFIXES, PAGE_SUFFIX, write_json_lines, write_page_file, write_page_files

    if target.is_dir() and any(target.iterdir()):
        raise InputError(target, "this folder is not empty; name a new one")
    pages = read_annotated([source], lines_needed=False)
    if corrections is not None:
        pages, changed = corrected(pages, read_annotated([corrections]), str(corrections))
        click.echo(f"{changed:,} lines have another label than in {source}", err=True)
    if target.name.endswith(JSON_SUFFIXES):
        count = write_json_lines(pages, target)
    elif target.name.endswith(PAGE_SUFFIX):
        if len(pages) != 1:
            raise InputError(target, f"a .page file holds one page, not {len(pages)}; name a folder")
        write_page_file(pages[0], target)
        count = 1
    elif target.suffix and not target.is_dir():
        raise InputError(target, "convert writes .jsonl, .jsonl.gz, .page, or a folder (a name without suffix)")
    else:
        count = write_page_files(pages, target)
    click.echo(f"{count} pages written to {target}", err=True)
