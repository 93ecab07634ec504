"""Count and check the annotated pages of data/pages.

Prints the tables of the data card as Markdown, and on standard error what falls short: too few pages or lines, ids or
sites that occur twice, sentences that two pages share.

usage: python data/counts.py [--write] [--pages FOLDER] [--card FILE]

Exit codes: 0 all is well, 1 something falls short, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import InputError
from boilerplate.files import written_whole
from boilerplate.labels import LABELS

HERE: Final = Path(__file__).resolve().parent
BEGIN: Final = "<!-- counts -->"
END: Final = "<!-- /counts -->"

MINIMUMS: Final = {
    "pages": 80,
    "English pages": 40,
    "pages in other languages": 40,
    "languages other than English": 14,
    "scripts of pages in other languages": 6,
    "lines": 2500,
    "caption lines": 300,
    "foreign-caption lines": 150,
    "promo lines": 600,
}

LANGUAGES: Final = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "bg": "Bulgarian", "bn": "Bengali",
    "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "gl": "Galician",
    "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian",
    "mr": "Marathi", "ms": "Malay", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "vi": "Vietnamese", "xh": "Xhosa", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip

KANA_SHARE: Final = 0.1
"""Pages with at least this share of kana among their letters are Japanese; Chinese ones quote a word at most."""
MIN_WORDS: Final = 4
"""A sentence of fewer words may stand on two pages."""
MIN_UNSPACED: Final = 9
"""The same in characters, for scripts without spaces between words."""

_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?।؟۔])[\"'”’»)\]]*\s+|(?<=[。！？])")


def script_of(text: str) -> str:
    """The script that most letters of a text belong to.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        First word of the letters' Unicode names ("Latin", "Cyrillic"); "Han" for Chinese, "Japanese" where kana are
        among the ideographs, "none" without letters.
    """
    scripts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if character.isalpha():
            scripts[unicodedata.name(character, "unknown").split()[0].capitalize()] += count
    if not scripts:
        return "none"
    if scripts["Hiragana"] + scripts["Katakana"] >= KANA_SHARE * scripts.total():
        return "Japanese"
    script = scripts.most_common(1)[0][0]
    return "Han" if script == "Cjk" else script


def sentence_key(sentence: str) -> str:
    """A sentence's letters, marks and digits in lower case, with one space between words.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    str
        Empty for sentences so short that two pages may share them.
    """
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in sentence.lower())
    words = "".join(kept).split()
    key = " ".join(words)
    if len(words) >= MIN_WORDS or (_UNSPACED.search(key) and len(key) >= MIN_UNSPACED):
        return key
    return ""


def sentence_keys(page: AnnotatedPage) -> Iterator[tuple[int, str]]:
    """Line number and key of each line, and of each sentence in it, that no other page may hold.

    Parameters
    ----------
    page : AnnotatedPage

    Yields
    ------
    number : int
    key : str
    """
    for number, line in page.lines():
        for sentence in dict.fromkeys((line, *_SENTENCE_END.split(line))):
            if key := sentence_key(sentence):
                yield number, key


def shared_sentences(pages: Sequence[AnnotatedPage]) -> list[str]:
    """What pages share, one finding for each line.

    Parameters
    ----------
    pages : sequence of AnnotatedPage

    Returns
    -------
    list of str
    """
    first: dict[str, int] = {}
    found: dict[tuple[int, int], str] = {}
    for at, page in enumerate(pages):
        for number, key in sentence_keys(page):
            other = first.setdefault(key, at)
            if other != at:
                found.setdefault((at, number), f"{page.id}, line {number}: also on {pages[other].id}: {key[:60]!r}")
    return list(found.values())


def amounts(pages: Sequence[AnnotatedPage]) -> dict[str, int]:
    """The numbers that `MINIMUMS` sets bounds to.

    Parameters
    ----------
    pages : sequence of AnnotatedPage

    Returns
    -------
    dict of str to int
    """
    others = [page for page in pages if page.lang != "en"]
    lines = Counter(label for page in pages for label in page.labels)
    return {
        "pages": len(pages),
        "English pages": len(pages) - len(others),
        "pages in other languages": len(others),
        "languages other than English": len({page.lang for page in others}),
        "scripts of pages in other languages": len({script_of(page.text) for page in others}),
        "lines": lines.total(),
        **{f"{label} lines": lines[label] for label in LABELS},
    }


def problems(pages: Sequence[AnnotatedPage]) -> list[str]:
    """What falls short of what the data card says.

    Parameters
    ----------
    pages : sequence of AnnotatedPage

    Returns
    -------
    list of str
        Empty if all is well.
    """
    found = []
    have = amounts(pages)
    for name, least in MINIMUMS.items():
        if have[name] < least:
            found.append(f"{have[name]} {name}, fewer than {least}")
    for what, values in (("id", [page.id for page in pages]), ("site", [page.site for page in pages])):
        found += [f"{count} pages have the {what} {value!r}" for value, count in Counter(values).items() if count > 1]
    for page in pages:
        missing = [key for key in ("site", "lang") if not getattr(page, key)]
        missing += [key for key in ("style", "scraper") if not page.extra.get(key)]
        found += [f"{page.id}: no {key} in the header" for key in missing]
        if page.site and not page.site.endswith(".example"):
            found.append(f"{page.id}: the site {page.site!r} does not end in .example, which no real site does")
    return found + shared_sentences(pages)


def tables(pages: Sequence[AnnotatedPage]) -> str:
    """The data card's tables, as Markdown.

    Parameters
    ----------
    pages : sequence of AnnotatedPage

    Returns
    -------
    str
        Without a newline at the end.
    """
    lines = Counter(label for page in pages for label in page.labels)
    by_language: dict[str, list[AnnotatedPage]] = defaultdict(list)
    for page in pages:
        by_language[page.lang].append(page)
    scripts = {script_of(page.text) for page in pages}
    rows = [
        "| | |",
        "|---|---:|",
        f"| pages (each of a site of its own) | {len(pages):,} |",
        f"| of these whole-page dumps | {sum(page.extra.get('scraper') == 'whole-page' for page in pages):,} |",
        f"| languages | {len(by_language):,} |",
        f"| scripts | {len(scripts):,} |",
        f"| styles | {len({page.extra.get('style') for page in pages}):,} |",
        f"| lines | {lines.total():,} |",
        *(
            f"| {label} lines | {lines[label]:,} ({100 * lines[label] / max(lines.total(), 1):.1f} %) |"
            for label in LABELS
        ),
        "",
        f"| language | script | pages | lines | {' | '.join(LABELS)} |",
        f"|---|---|{'---:|' * (2 + len(LABELS))}",
    ]
    for lang, group in sorted(by_language.items(), key=lambda item: (-len(item[1]), item[0])):
        labels = Counter(label for page in group for label in page.labels)
        script = ", ".join(sorted({script_of(page.text) for page in group}))
        counts = " | ".join(f"{n:,}" for n in (len(group), labels.total(), *(labels[label] for label in LABELS)))
        rows.append(f"| {LANGUAGES.get(lang, lang)} (`{lang}`) | {script} | {counts} |")
    return "\n".join(rows)


def tables_in(card: str) -> str:
    """What stands between the markers of a data card.

    Parameters
    ----------
    card : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the markers are missing.
    """
    _, begin, rest = card.partition(BEGIN)
    inside, end, _ = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the markers {BEGIN} and {END} are missing")
    return inside.strip("\n")


def with_tables(card: str, new: str) -> str:
    """A data card with other tables between its markers.

    Parameters
    ----------
    card, new : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the markers are missing.
    """
    tables_in(card)
    before, _, rest = card.partition(BEGIN)
    return f"{before}{BEGIN}\n{new}\n{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, check and, if asked to, write.

    Parameters
    ----------
    arguments : sequence of str, optional
        ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(description="Count and check the annotated pages of data/pages.")
    parser.add_argument("--write", action="store_true", help="put the tables into the data card as well")
    parser.add_argument("--pages", type=Path, default=HERE / "pages", help="folder of annotated pages")
    parser.add_argument("--card", type=Path, default=HERE / "README.md", help="the data card")
    options = parser.parse_args(arguments)
    try:
        pages = list(read_pages(options.pages))
        new = tables(pages)
        if options.write:
            card = with_tables(options.card.read_text(encoding="utf-8"), new)
            with written_whole(options.card) as file:
                file.write(card.encode("utf-8"))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"{options.card}: {error}", file=sys.stderr)
        return 2
    print(new)
    found = problems(pages)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
