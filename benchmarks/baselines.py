"""What the model has to beat: published line rules, and a plain classifier of single lines.

Each baseline takes page texts and gives a list of labels for each, one label for each non-blank line, as
`boilerplate.model.LineClassifier.predict` does. The rules know no captions: what they keep is ``body``, what they drop
``promo``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, Self, cast

from justext.core import PathInfo, classify_paragraphs, revise_paragraph_classification
from justext.paragraph import Paragraph
from justext.utils import get_stoplist
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from boilerplate.labels import Label
from boilerplate.pages import labelled_lines

C4_END_MARKS: Final = (".", "?", "!", '"')
C4_MIN_WORDS: Final = 5
C4_MAX_WORD_LENGTH: Final = 1000
C4_BAD_PHRASES: Final = (
    "javascript",
    "lorem ipsum",
    "{",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_C4_CITATION: Final = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")

JUSTEXT_STOP_LISTS: Final = {
    "af": "Afrikaans",
    "ar": "Arabic",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "hy": "Armenian",
    "id": "Indonesian",
    "it": "Italian",
    "ka": "Georgian",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "ms": "Malay",
    "nb": "Norwegian_Bokmal",
    "nl": "Dutch",
    "nn": "Norwegian_Nynorsk",
    "no": "Norwegian_Bokmal",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sq": "Albanian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
}
"""ISO 639-1 code to the name of jusText's stop list. It has none for Chinese and Japanese, which write no spaces."""


class AllBody:
    """Every line is body: what a pipeline without any line filter does."""

    def predict(self, texts: Sequence[str]) -> list[list[Label]]:
        """Label every line ``body``.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        list of lists of str
        """
        return [["body" for _ in labelled_lines(text)] for text in texts]


class C4LineRules:
    """The line rules of C4.

    A line is kept (``body``) if

    1. no word of it is longer than 1,000 characters;
    2. it ends in ``.``, ``?``, ``!`` or ``"``, but not in ``...`` (citation marks such as ``[3]`` are cut out before);
    3. it has at least 5 words, between white space;
    4. it holds, in any case, none of "javascript", "lorem ipsum", "{" and the policy notices "terms of use", "privacy
       policy", "cookie policy", "uses cookies", "use of cookies", "use cookies".

    Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", JMLR 21,
    2020, section 2.2, as its released code has it (``clean_page`` in TensorFlow Datasets' ``text/c4_utils.py``). The
    number of words is the code's; datatrove's ``C4QualityFilter``, which goes by the paper, takes 3. Rule 1 is in the
    code only.

    "lorem ipsum" and "{" drop the whole page there and only their line here. The other rules for pages (number of
    sentences, bad words, repeated text, English only) are not applied: they choose pages, not lines.
    """

    def predict(self, texts: Sequence[str]) -> list[list[Label]]:
        """Label the lines that C4 keeps ``body``, the others ``promo``.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        list of lists of str
        """
        return [["body" if c4_keeps(line) else "promo" for _, line in labelled_lines(text)] for text in texts]


def c4_keeps(line: str) -> bool:
    """Whether a line passes the rules of `C4LineRules`."""
    line = line.strip()
    if any(len(word) > C4_MAX_WORD_LENGTH for word in line.split()):
        return False
    line = _C4_CITATION.sub("", line)
    if not line.endswith(C4_END_MARKS) or line.endswith("..."):
        return False
    if len(line.split()) < C4_MIN_WORDS:
        return False
    lowered = line.lower()
    return not any(phrase in lowered for phrase in C4_BAD_PHRASES)


class JustextRules:
    """jusText's length and stop-word rules, each line taken for a paragraph.

    The package itself classifies, with its default thresholds and its stop list for the page's language:

    1. context-free: a line with a copyright sign is bad; one of fewer than 70 characters is short; else, by its share
       of stop words, it is good or near-good from 0.32 on (good if longer than 200 characters), near-good from 0.30 on,
       and bad below;
    2. context-sensitive: short and near-good lines follow their nearest good or bad neighbours.

    Good is ``body``, all else ``promo``. A text has no tags, so that the link density is 0 and no line is a heading.
    For languages without a stop list both shares are 0, as in the language-independent mode of jusText's command line.
    The language is the annotated one: jusText, too, is told it by its user.

    Source: Pomikálek, "Removing Boilerplate and Duplicate Content from Web Corpora", PhD thesis, Masaryk University,
    Brno, 2011, chapter 3; the package ``jusText``, its functions ``classify_paragraphs`` and
    ``revise_paragraph_classification``.
    """

    def predict(self, texts: Sequence[str], langs: Sequence[str] | None = None) -> list[list[Label]]:
        """Label good lines ``body``, the others ``promo``.

        Parameters
        ----------
        texts : sequence of str
        langs : sequence of str, optional
            ISO 639-1 code of each text's language; by default the language-independent mode is used.

        Returns
        -------
        list of lists of str

        Raises
        ------
        ValueError
            If there are not as many languages as texts.
        """
        codes = [""] * len(texts) if langs is None else langs
        return [justext_labels(text, lang) for text, lang in zip(texts, codes, strict=True)]


def justext_labels(text: str, lang: str) -> list[Label]:
    """Labels of one page's lines by the rules of `JustextRules`."""
    paragraphs = []
    for _, line in labelled_lines(text):
        paragraph = Paragraph(PathInfo())
        paragraph.append_text(line)
        paragraphs.append(paragraph)
    stop_list = _stop_list(lang)
    if stop_list:
        classify_paragraphs(paragraphs, stop_list)
    else:
        classify_paragraphs(paragraphs, stop_list, stopwords_low=0, stopwords_high=0)
    revise_paragraph_classification(paragraphs)
    return ["promo" if paragraph.is_boilerplate else "body" for paragraph in paragraphs]


@cache
def _stop_list(lang: str) -> frozenset[str]:
    """Lower-case stop words; none for a language that jusText has no list for."""
    name = JUSTEXT_STOP_LISTS.get(lang)
    return cast("frozenset[str]", get_stoplist(name)) if name else frozenset()


class CharacterTfidf:
    """scikit-learn's `TfidfVectorizer` and `LogisticRegression` on single lines, all four labels.

    Character n-grams of 2 to 5 within words, sublinear term frequencies, the 2**18 most frequent n-grams; a multinomial
    logistic regression with scikit-learn's defaults. A line is seen alone: neither page nor neighbours count.

    Source: n-grams of characters for short texts of many languages go back to Cavnar and Trenkle, "N-Gram-Based Text
    Categorization", 1994; vectorizer and classifier are as scikit-learn's user guide describes them.

    Parameters
    ----------
    ngram_range : tuple of int
        Shortest and longest n-gram.
    max_features : int
        Number of n-grams kept.
    """

    def __init__(self, ngram_range: tuple[int, int] = (2, 5), max_features: int = 2**18) -> None:
        self.ngram_range = ngram_range
        self.max_features = max_features

    def fit(self, texts: Sequence[str], labels: Sequence[Sequence[str]], groups: Sequence[str] | None = None) -> Self:
        """Learn from annotated pages.

        Parameters
        ----------
        texts : sequence of str
        labels : sequence of sequences of str
            For each text a label for each non-blank line.
        groups : sequence of str, optional
            The site of each text. A line that stands in several scrapes of a site with one label counts once: it would
            take longer and teach no more otherwise.

        Returns
        -------
        CharacterTfidf
            Itself.

        Raises
        ------
        ValueError
            If the numbers of texts, label sequences, groups, or of a text's lines and labels differ.
        """
        names: Sequence[str | int] = range(len(texts)) if groups is None else groups
        # The keys of a dict, unlike a set, keep their order, on which the fitted weights depend.
        distinct = dict.fromkeys(
            (name, line.strip(), label)
            for name, text, text_labels in zip(names, texts, labels, strict=True)
            for (_, line), label in zip(labelled_lines(text), text_labels, strict=True)
        )
        self.pipeline_: Pipeline = make_pipeline(
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=self.ngram_range, sublinear_tf=True, max_features=self.max_features
            ),
            LogisticRegression(max_iter=1000),
        )
        self.pipeline_.fit([line for _, line, _ in distinct], [label for _, _, label in distinct])
        return self

    def predict(self, texts: Sequence[str]) -> list[list[Label]]:
        """Label each line by itself.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        list of lists of str
        """
        pages = [[line.strip() for _, line in labelled_lines(text)] for text in texts]
        lines = [line for page in pages for line in page]
        if not lines:
            return [[] for _ in pages]
        found = iter(cast("list[Label]", self.pipeline_.predict(lines).tolist()))
        return [[next(found) for _ in page] for page in pages]
