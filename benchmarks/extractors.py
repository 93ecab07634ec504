"""Extractors of text from HTML, as `benchmarks/extraction.py` runs them: each a function of a page's HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version

from peers import extractors as timed_extractors

Page = Mapping[str, str]
"""A page of `../shared/html/`: ``html``, ``lang`` and more."""
Extract = Callable[[Page], str]


def article_extractors() -> dict[str, Extract]:
    """Name and version to function, for extractors that look for the article.

    Returns
    -------
    dict of str to callable
        Text alone: titles that a library gives apart from the text are left out.

    Raises
    ------
    ModuleNotFoundError
        If a library is missing; the extra ``bench`` has them all.
    """
    import newspaper
    import trafilatura
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text

    def by_trafilatura(page: Page) -> str:
        return trafilatura.extract(page["html"]) or ""

    def by_resiliparse(page: Page) -> str:
        return str(extract_plain_text(page["html"], main_content=True, alt_texts=False))

    def by_readability(page: Page) -> str:
        # It gives HTML, of which another library makes text.
        return str(extract_plain_text(Document(page["html"]).summary(), alt_texts=True))

    def by_newspaper(page: Page) -> str:
        language = page["lang"] if page["lang"] in known_languages else "en"
        article = newspaper.Article(page.get("url") or "https://page.example/", language=language)
        article.download(input_html=page["html"])
        article.parse()
        return str(article.text)

    known_languages = set(newspaper.utils.get_available_languages())
    timed = {name.partition(" ")[0]: extract for name, extract in timed_extractors().items()}
    return {
        f"trafilatura {version('trafilatura')}": by_trafilatura,
        f"trafilatura {version('trafilatura')}, favor_recall": timed["trafilatura"],
        f"resiliparse {version('resiliparse')}, main content, no alt texts": by_resiliparse,
        f"resiliparse {version('resiliparse')}, main content": timed["resiliparse"],
        f"readability-lxml {version('readability-lxml')}": by_readability,
        f"newspaper4k {version('newspaper4k')}": by_newspaper,
        f"jusText {version('jusText')}": timed["jusText"],
    }


def page_dumps() -> dict[str, Extract]:
    """Name and version to function, for converters that print the whole page, navigation and all.

    Returns
    -------
    dict of str to callable

    Raises
    ------
    ModuleNotFoundError
        If a library is missing; the extra ``bench`` has them all.
    """
    from inscriptis import get_text
    from resiliparse.extract.html2text import extract_plain_text

    def by_resiliparse(page: Page) -> str:
        return str(extract_plain_text(page["html"], main_content=False, alt_texts=True))

    def by_inscriptis(page: Page) -> str:
        return str(get_text(page["html"]))

    return {
        f"resiliparse {version('resiliparse')}, whole page": by_resiliparse,
        f"inscriptis {version('inscriptis')}, whole page": by_inscriptis,
    }
