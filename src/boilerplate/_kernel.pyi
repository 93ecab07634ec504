from typing import Final

from numpy.typing import NDArray

SOURCE: Final[int]

def find_lines(
    codes: NDArray,
    class_table: NDArray,
    rows_of_page: NDArray,
    page: NDArray,
    number: NDArray,
    before: NDArray,
    after: NDArray,
    indent: NDArray,
    marker: NDArray,
    length: NDArray,
    first: NDArray,
    longest_marker: int,
    /,
) -> int: ...
def view_lines(
    codes: NDArray,
    class_table: NDArray,
    first: NDArray,
    length: NDArray,
    starts: NDArray,
    viewed_codes: NDArray,
    viewed_classes: NDArray,
    head: int,
    /,
) -> None: ...
def count_classes(classes: NDArray, starts: NDArray, counts: NDArray, words: NDArray, /) -> None: ...
def tokenise(
    folded: NDArray,
    classes: NDArray,
    starts: NDArray,
    token_starts: NDArray,
    line: NDArray,
    hashes: NDArray,
    shapes: NDArray,
    is_word: NDArray,
    /,
) -> int: ...
def shared_words(
    line: NDArray,
    hashes: NDArray,
    weight: NDArray,
    page: NDArray,
    page_starts: NDArray,
    paragraph: NDArray,
    sums: NDArray,
    /,
) -> None: ...
def ngram_sums(
    folded: NDArray,
    classes: NDArray,
    starts: NDArray,
    token_starts: NDArray,
    hashes: NDArray,
    shapes: NDArray,
    is_word: NDArray,
    table: NDArray,
    sums: NDArray,
    counts: NDArray,
    bits: int,
    /,
) -> None: ...
