"""What `benchmarks/speed.py` compares with: fastText in a process of its own, extractors of text from HTML."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, cast

from timing import Task, console

from boilerplate.corpus import AnnotatedPage
from boilerplate.pages import labelled_lines

FASTTEXT_SETTINGS: Final[dict[str, dict[str, int]]] = {
    "fastText supervised, words": {"bucket": 2**18},
    "fastText supervised, character 2- to 5-grams": {"bucket": 2**18, "minn": 2, "maxn": 5},
}


def fasttext_tasks(
    python: str | None, train: Sequence[AnnotatedPage], texts: Sequence[str], stack: ExitStack
) -> dict[str, Task]:
    """Start fastText under another Python; empty, with a line that says why, if that cannot be."""
    if python is None:
        console.print("\nfastText is left out: name a Python that has it by --fasttext-python.", soft_wrap=True)
        return {}
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    taught = dict.fromkeys(
        (page.group, f"__label__{label} {line.strip()}\n")
        for page in train
        for (_, line), label in zip(page.lines(), page.labels, strict=True)
    )
    (folder / "train").write_text("".join(line for _, line in taught), encoding="utf-8")
    lines = [line.strip() + "\n" for text in texts for _, line in labelled_lines(text)]
    (folder / "lines").write_text("".join(lines), encoding="utf-8")
    tasks = {}
    for name, settings in FASTTEXT_SETTINGS.items():
        script = Path(__file__).with_name("fasttext_peer.py")
        command = [python, str(script), str(folder / "train"), str(folder / "lines"), json.dumps(settings)]
        try:
            peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            console.print(f"\nfastText is left out: {error}", soft_wrap=True)
            return {}
        stack.enter_context(peer)
        if answer(peer) != "ready":
            console.print(f"\n{name} is left out: {python} could not train it.", soft_wrap=True)
            continue
        tasks[name] = ask(peer)
    return tasks


def ask(peer: subprocess.Popen[str]) -> Task:
    """A pass of a started fastText."""

    def task() -> float:
        cast("IO[str]", peer.stdin).write("\n")
        cast("IO[str]", peer.stdin).flush()
        return float(answer(peer))

    return task


def answer(peer: subprocess.Popen[str]) -> str:
    """The next line that it prints; empty if it ended."""
    return cast("IO[str]", peer.stdout).readline().strip()


def extractors() -> dict[str, Callable[[dict[str, str]], str]]:
    """Name and version to a function of a page of HTML, with the settings that made the corpus where it has them."""
    from importlib.metadata import version

    import justext
    import trafilatura
    from baselines import JUSTEXT_STOP_LISTS
    from resiliparse.extract.html2text import extract_plain_text

    stop_lists = {code: justext.get_stoplist(name) for code, name in JUSTEXT_STOP_LISTS.items()}

    def by_justext(page: dict[str, str]) -> str:
        known = stop_lists.get(page["lang"])
        shares = {} if known else {"stopwords_low": 0, "stopwords_high": 0}
        paragraphs = justext.justext(page["html"], known or frozenset(), **shares)
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    def by_trafilatura(page: dict[str, str]) -> str:
        return trafilatura.extract(page["html"], favor_recall=True) or ""

    def by_resiliparse(page: dict[str, str]) -> str:
        return str(extract_plain_text(page["html"], main_content=True, alt_texts=True))

    found = {"jusText": by_justext, "trafilatura": by_trafilatura, "resiliparse": by_resiliparse}
    return {f"{name} {version(name)}": extract for name, extract in found.items()}
