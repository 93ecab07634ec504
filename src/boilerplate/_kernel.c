/* Compiled help for labelling: the loops over characters, tokens, n-grams and trees.
 *
 * Every function has a NumPy twin, which says what it means and which takes over where no compiler was there when the
 * package was installed (see kernel.py). Results are the same to the last bit: all sums are of integers, so that neither
 * order nor instruction set can change them.
 *
 * Arrays come and go as plain buffers of one item type each. The sizes of all of them are checked before anything is
 * read or written, offsets that index other arrays included; loops run without Python's lock. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where compiler and system can choose at run time, the hottest loop has a version for wider vectors. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef WIDE_VECTORS
#define WIDE_VECTORS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif

/* CharClass in characters.py. */
enum {
    CONTROL, SPACE, UPPER, LOWER, LETTER, UNSPACED, MARK, DIGIT, SENTENCE_END, COMMA,
    COLON, QUOTE, OPEN, CLOSE, DASH, SLASH, BULLET, CURRENCY, MARKUP, SYMBOL, N_CLASSES
};

#define BIT(class) (1u << (class))
#define WORD (BIT(UPPER) | BIT(LOWER) | BIT(LETTER) | BIT(MARK) | BIT(DIGIT))
#define LETTERED (BIT(UPPER) | BIT(LOWER) | BIT(LETTER) | BIT(MARK))
#define BLANK (BIT(CONTROL) | BIT(SPACE))
#define MARKER (BIT(BULLET) | BIT(DASH) | BIT(MARKUP))
#define IS(class, set) ((BIT(class) & (set)) != 0)

/* Marks and multipliers of text.py. */
#define BEGIN 0x110000u
#define END 0x110001u
#define PAD 0x110002u
#define ROLL 0x85EBCA6Bu
#define GOLDEN 0x9E3779B1u
#define MIX 0xC2B2AE35u

#define CHAR_ORDERS 5
#define SHAPE_ORDERS 4
#define EDGE_WORDS 3
#define LONGEST_ORDER 5
#define N_KINDS 3
/* Table columns are added up in groups of this size, which fit into vector registers. */
#define COLUMNS 16
/* So many 16-bit numbers fit into a 32-bit sum. */
#define MOST_NGRAMS 65535
/* So many rows are fetched before they are needed: most come from beyond the second cache. */
#define AHEAD 64

/* ---------------------------------------------------------------------------------------------------- Arguments */

typedef struct {
    Py_buffer view;
} Array;

/* Number of items, or -1 if the buffer does not consist of whole ones. */
static Py_ssize_t items(const Array *array, size_t size)
{
    return array->view.len % (Py_ssize_t)size ? -1 : array->view.len / (Py_ssize_t)size;
}

static void release(Array *arrays, int count)
{
    for (int i = 0; i < count; i++)
        PyBuffer_Release(&arrays[i].view);
}

/* Take the buffers of the first `count` arguments, of which the last `outputs` are written to. */
static int take(PyObject *const *args, Py_ssize_t n_args, int count, int outputs, int numbers, Array *arrays)
{
    if (n_args != count + numbers) {
        PyErr_Format(PyExc_TypeError, "expected %d arguments, got %zd", count + numbers, n_args);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        int flags = i >= count - outputs ? PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE : PyBUF_C_CONTIGUOUS;
        if (PyObject_GetBuffer(args[i], &arrays[i].view, flags) < 0) {
            release(arrays, i);
            return 0;
        }
    }
    return 1;
}

/* Whether offsets begin with 0, never fall, and end with `last`. */
static int offsets_fit(const int64_t *starts, Py_ssize_t count, Py_ssize_t last)
{
    if (count < 1 || starts[0] != 0 || starts[count - 1] != last)
        return 0;
    for (Py_ssize_t i = 1; i < count; i++)
        if (starts[i] < starts[i - 1])
            return 0;
    return 1;
}

static PyObject *misfit(Array *arrays, int count)
{
    release(arrays, count);
    PyErr_SetString(PyExc_ValueError, "arrays do not fit each other");
    return NULL;
}

/* -------------------------------------------------------------------------------------------------------- Lines */

typedef struct {
    const uint8_t *table;
    uint32_t size;
} Classes;

static inline unsigned class_of(Classes classes, uint32_t code)
{
    return code < classes.size ? classes.table[code] : UNSPACED;
}

/* Length of a leading run of bullet characters that a blank follows; 0 where there is none. */
static int64_t marker_run(const uint32_t *codes, int64_t first, int64_t end, int64_t longest, Classes classes)
{
    for (int64_t run = 1; run <= longest && first + run < end; run++) {
        if (!IS(class_of(classes, codes[first + run - 1]), MARKER))
            return 0;
        if (class_of(classes, codes[first + run]) == SPACE)
            return run;
    }
    return 0;
}

typedef struct {
    int64_t *page, *number, *before, *after, *indent, *marker, *length, *first;
} Found;

/* Find the non-blank rows of all pages; returns their number. Rows end at newlines, pages after their rows. */
static int64_t find_lines(const uint32_t *codes, int64_t n_codes, Classes classes, const int64_t *rows_of_page,
                          int64_t n_pages, int64_t longest_marker, Found found)
{
    int64_t n = 0, start = 0;
    for (int64_t page = 0; page < n_pages; page++) {
        int64_t next = 0; /* the row behind the page's last line */
        int64_t first_of_page = n;
        for (int64_t row = 0; row < rows_of_page[page] && start <= n_codes; row++) {
            int64_t newline = start;
            while (newline < n_codes && codes[newline] != '\n')
                newline++;
            int64_t first = start, end = newline;
            while (first < end && class_of(classes, codes[first]) == SPACE)
                first++;
            if (first < end) {
                while (class_of(classes, codes[end - 1]) == SPACE)
                    end--;
                /* The blanks behind a marker belong to it. */
                int64_t text = first + marker_run(codes, first, end, longest_marker, classes);
                while (class_of(classes, codes[text]) == SPACE)
                    text++;
                if (n > first_of_page)
                    found.after[n - 1] = row - next;
                found.page[n] = page;
                found.number[n] = row;
                found.before[n] = row - next;
                found.indent[n] = first - start;
                found.marker[n] = text - first;
                found.length[n] = end - text;
                found.first[n] = text;
                next = row + 1;
                n++;
            }
            start = newline + 1;
        }
        if (n > first_of_page)
            found.after[n - 1] = rows_of_page[page] - next;
    }
    return n;
}

PyDoc_STRVAR(find_lines_doc,
"find_lines(codes, class_table, rows_of_page, page, number, before, after, indent, marker, length, first,"
" longest_marker)\n--\n\n"
"Fill in the last eight arrays, which have room for all rows; the number of non-blank rows.");

static PyObject *py_find_lines(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { CODES, TABLE, ROWS, FIRST_OUT, COUNT = FIRST_OUT + 8 };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 8, 1, a))
        return NULL;
    long longest = PyLong_AsLong(args[COUNT]);
    int64_t n_codes = items(&a[CODES], 4), n_pages = items(&a[ROWS], 8), rows = 0;
    const int64_t *rows_of_page = a[ROWS].view.buf;
    int fits = n_codes >= 0 && n_pages >= 0 && longest >= 0;
    for (int64_t page = 0; fits && page < n_pages; page++) {
        /* Each row but the first needs a newline. */
        fits = rows_of_page[page] >= 0 && rows_of_page[page] <= n_codes + 1 - rows;
        rows += rows_of_page[page];
    }
    for (int i = FIRST_OUT; i < COUNT; i++)
        fits = fits && items(&a[i], 8) >= rows;
    if (PyErr_Occurred() || !fits)
        return misfit(a, COUNT);
    Classes classes = {a[TABLE].view.buf, (uint32_t)a[TABLE].view.len};
    Found found = {a[3].view.buf, a[4].view.buf, a[5].view.buf, a[6].view.buf,
                   a[7].view.buf, a[8].view.buf, a[9].view.buf, a[10].view.buf};
    int64_t n;
    Py_BEGIN_ALLOW_THREADS
    n = find_lines(a[CODES].view.buf, n_codes, classes, rows_of_page, n_pages, longest, found);
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    return PyLong_FromLongLong(n);
}

/* Copy what is looked at of a line of `length` characters from `source`, which goes on after a gap. */
static void view_line(const uint32_t *source, int64_t viewed, int64_t head, int64_t gap, Classes classes,
                      uint32_t *codes, uint8_t *class)
{
    for (int64_t i = 0; i < viewed; i++) {
        uint32_t code = source[i < head ? i : i + gap];
        codes[i] = code;
        class[i] = (uint8_t)class_of(classes, code);
    }
}

PyDoc_STRVAR(view_lines_doc,
"view_lines(codes, class_table, first, length, starts, viewed_codes, viewed_classes, head)\n--\n\n"
"Copy each line's first `head` characters and as many last ones as `starts` leaves room for, with their classes.");

static PyObject *py_view_lines(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { CODES, TABLE, FIRST, LENGTH, STARTS, VIEW_CODES, VIEW_CLASSES, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 2, 1, a))
        return NULL;
    long head = PyLong_AsLong(args[COUNT]);
    int64_t n_codes = items(&a[CODES], 4), n = items(&a[FIRST], 8), n_viewed = items(&a[VIEW_CODES], 4);
    const int64_t *first = a[FIRST].view.buf, *length = a[LENGTH].view.buf, *starts = a[STARTS].view.buf;
    int fits = n_codes >= 0 && n >= 0 && n_viewed >= 0 && head >= 0 && items(&a[LENGTH], 8) == n &&
               items(&a[STARTS], 8) == n + 1 && items(&a[VIEW_CLASSES], 1) == n_viewed &&
               offsets_fit(starts, n + 1, n_viewed);
    for (int64_t line = 0; fits && line < n; line++)
        fits = first[line] >= 0 && length[line] >= starts[line + 1] - starts[line] && first[line] <= n_codes &&
               length[line] <= n_codes - first[line];
    if (PyErr_Occurred() || !fits)
        return misfit(a, COUNT);
    Classes classes = {a[TABLE].view.buf, (uint32_t)a[TABLE].view.len};
    uint32_t *codes = a[VIEW_CODES].view.buf;
    uint8_t *class = a[VIEW_CLASSES].view.buf;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t line = 0; line < n; line++) {
        int64_t start = starts[line], viewed = starts[line + 1] - start;
        view_line((const uint32_t *)a[CODES].view.buf + first[line], viewed, head, length[line] - viewed, classes,
                  codes + start, class + start);
    }
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------------------ Classes */

/* Words, letters in them, capitalised words, words whose second character is a capital, too. */
enum { WORDS, LETTERS, CAPITALISED, CAPITALS, N_WORD_COUNTS };

static void count_classes(const uint8_t *classes, int64_t length, int64_t *counts, int64_t *words)
{
    memset(counts, 0, N_CLASSES * sizeof *counts);
    memset(words, 0, N_WORD_COUNTS * sizeof *words);
    int inside = 0, capital = 0; /* whether the character before is in a word; whether it is its capital beginning */
    for (int64_t i = 0; i < length; i++) {
        unsigned class = classes[i];
        int lettered = IS(class, LETTERED), opens = lettered && !inside;
        counts[class]++;
        words[WORDS] += opens;
        words[LETTERS] += lettered;
        words[CAPITALS] += capital && class == UPPER;
        capital = opens && class == UPPER;
        words[CAPITALISED] += capital;
        inside = lettered;
    }
}

PyDoc_STRVAR(count_classes_doc,
"count_classes(classes, starts, counts, words)\n--\n\n"
"Characters of each class, and four counts of words, for each line.");

static PyObject *py_count_classes(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { CLASSES, STARTS, COUNTS, WORD_COUNTS, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 2, 0, a))
        return NULL;
    int64_t n_chars = items(&a[CLASSES], 1), n = items(&a[STARTS], 8) - 1;
    const uint8_t *classes = a[CLASSES].view.buf;
    const int64_t *starts = a[STARTS].view.buf;
    int fits = n >= 0 && offsets_fit(starts, n + 1, n_chars) && items(&a[COUNTS], 8) == n * N_CLASSES &&
               items(&a[WORD_COUNTS], 8) == n * N_WORD_COUNTS;
    for (int64_t i = 0; fits && i < n_chars; i++)
        fits = classes[i] < N_CLASSES;
    if (!fits)
        return misfit(a, COUNT);
    int64_t *counts = a[COUNTS].view.buf, *words = a[WORD_COUNTS].view.buf;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t line = 0; line < n; line++)
        count_classes(classes + starts[line], starts[line + 1] - starts[line], counts + line * N_CLASSES,
                      words + line * N_WORD_COUNTS);
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------------------- Tokens */

typedef struct {
    int64_t *line;
    uint32_t *hashes, *shapes;
    uint8_t *is_word;
} Tokens;

/* A word's shape: its first character's class, its capitals, digits and length, each coarsely. */
static uint32_t word_shape(unsigned first, int64_t capitals, int64_t digits, int64_t length)
{
    uint32_t size = (length > 2) + (length > 5) + (length > 9);
    uint32_t numeric = 2 * (digits > 0) + (digits == length);
    return first * 64 + (uint32_t)(capitals < 2 ? capitals : 2) * 16 + numeric * 4 + size;
}

/* Cut a line into tokens; returns the number of all tokens so far. */
static int64_t tokenise(const uint32_t *folded, const uint8_t *classes, int64_t length, int64_t line, Tokens tokens,
                        int64_t n)
{
    int64_t i = 0;
    while (i < length) {
        unsigned first = classes[i];
        int64_t start = i++;
        if (IS(first, BLANK))
            continue;
        uint32_t hash = folded[start] + 1;
        int64_t capitals = first == UPPER, digits = first == DIGIT;
        if (IS(first, WORD)) {
            /* Polynomial hash: sum of code * ROLL^position. */
            uint32_t power = ROLL;
            for (; i < length && IS(classes[i], WORD); i++, power *= ROLL) {
                hash += (folded[i] + 1) * power;
                capitals += classes[i] == UPPER;
                digits += classes[i] == DIGIT;
            }
        }
        uint8_t is_word = IS(first, WORD | BIT(UNSPACED));
        tokens.line[n] = line;
        tokens.hashes[n] = hash;
        /* A punctuation mark is its own shape. */
        tokens.shapes[n] = is_word ? word_shape(first, capitals, digits, i - start) : folded[start] + 4096;
        tokens.is_word[n] = is_word;
        n++;
    }
    return n;
}

PyDoc_STRVAR(tokenise_doc,
"tokenise(folded, classes, starts, token_starts, line, hashes, shapes, is_word)\n--\n\n"
"Fill in the last five arrays, which have room for a token a character; the number of tokens.");

static PyObject *py_tokenise(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { FOLDED, CLASSES, STARTS, TOKEN_STARTS, LINE, HASHES, SHAPES, IS_WORD, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 5, 0, a))
        return NULL;
    int64_t n_chars = items(&a[CLASSES], 1), n_lines = items(&a[STARTS], 8) - 1;
    const int64_t *starts = a[STARTS].view.buf;
    if (n_lines < 0 || !offsets_fit(starts, n_lines + 1, n_chars) || items(&a[FOLDED], 4) != n_chars ||
        items(&a[TOKEN_STARTS], 8) != n_lines + 1 || items(&a[LINE], 8) < n_chars || items(&a[HASHES], 4) < n_chars ||
        items(&a[SHAPES], 4) < n_chars || items(&a[IS_WORD], 1) < n_chars)
        return misfit(a, COUNT);
    const uint32_t *folded = a[FOLDED].view.buf;
    const uint8_t *classes = a[CLASSES].view.buf;
    int64_t *token_starts = a[TOKEN_STARTS].view.buf;
    Tokens tokens = {a[LINE].view.buf, a[HASHES].view.buf, a[SHAPES].view.buf, a[IS_WORD].view.buf};
    int64_t n = 0;
    Py_BEGIN_ALLOW_THREADS
    token_starts[0] = 0;
    for (int64_t line = 0; line < n_lines; line++) {
        int64_t start = starts[line];
        n = tokenise(folded + start, classes + start, starts[line + 1] - start, line, tokens, n);
        token_starts[line + 1] = n;
    }
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    return PyLong_FromLongLong(n);
}

/* ------------------------------------------------------------------------------------------------------ N-grams */

static inline int32_t bucket(uint32_t hash, uint32_t salt, int shift)
{
    uint32_t mixed = (hash ^ salt) * GOLDEN;
    mixed ^= mixed >> 15;
    return (int32_t)((mixed * MIX) >> shift);
}

/* Put marks around `n` symbols that stand from `stream[1]` on. A window that runs into the padding is the sequence's
 * end, of its own length. */
static void mark_ends(uint32_t *stream, int64_t n)
{
    stream[0] = BEGIN;
    stream[n + 1] = END;
    for (int i = 1; i < LONGEST_ORDER; i++)
        stream[n + 1 + i] = PAD;
}

/* Buckets of the windows of each order that begin in a marked stream's first `n` places. */
static int64_t sequence_ngrams(const uint32_t *stream, int64_t n, int shortest, int longest, uint32_t salt, int shift,
                               int32_t *out)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t hash = stream[i];
        if (shortest == 1)
            out[count++] = bucket(hash, salt + 1, shift);
        for (int order = 2; order <= longest; order++) {
            hash = hash * ROLL + stream[i + order - 1];
            out[count++] = bucket(hash, salt + (uint32_t)order, shift);
        }
    }
    return count;
}

static int64_t character_ngrams(const uint32_t *folded, const uint8_t *classes, int64_t length, int shift,
                                uint32_t *stream, int32_t *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < length; i++)
        /* Blanks collapse: a blank after a blank is dropped. */
        if (!(i && classes[i] == SPACE && classes[i - 1] == SPACE))
            stream[++n] = folded[i];
    mark_ends(stream, n);
    return sequence_ngrams(stream, n + 2, 2, CHAR_ORDERS, 0, shift, out);
}

static int64_t shape_ngrams(const uint32_t *shapes, int64_t n, int shift, uint32_t *stream, int32_t *out)
{
    memcpy(stream + 1, shapes, (size_t)n * sizeof *shapes);
    mark_ends(stream, n);
    return sequence_ngrams(stream, n + 2, 1, SHAPE_ORDERS, 200, shift, out);
}

static uint32_t hash_of_words(const uint32_t *words, int64_t n)
{
    uint32_t hash = 0;
    for (int64_t i = 0; i < n; i++)
        hash = hash * ROLL + words[i];
    return hash;
}

/* Words, pairs of them, and the first and last one to three. */
static int64_t word_ngrams(const uint32_t *hashes, const uint8_t *is_word, int64_t n_tokens, int shift,
                           uint32_t *words, int32_t *out)
{
    int64_t n = 0, count = 0;
    for (int64_t i = 0; i < n_tokens; i++)
        if (is_word[i])
            words[n++] = hashes[i] * GOLDEN;
    for (int64_t i = 0; i < n; i++)
        out[count++] = bucket(words[i], 101, shift);
    for (int64_t i = 1; i < n; i++)
        out[count++] = bucket(words[i - 1] * ROLL + words[i], 102, shift);
    for (int size = 1; size <= EDGE_WORDS && size <= n; size++) {
        out[count++] = bucket(hash_of_words(words, size), 110 + (uint32_t)size, shift);
        out[count++] = bucket(hash_of_words(words + n - size, size), 120 + (uint32_t)size, shift);
    }
    return count;
}

/* Sum of the table's rows, `COLUMNS` columns at a time so that sums stay in registers. */
WIDE_VECTORS
static void add_rows(const int16_t *table, int64_t stride, const int32_t *buckets, int64_t n, int64_t width,
                     int32_t *out)
{
    for (int64_t column = 0; column < width; column += COLUMNS) {
        int32_t sums[COLUMNS] = {0};
        for (int64_t i = 0; i < n; i++) {
            const int16_t *row = table + buckets[i] * stride + column;
            /* The first round brings rows near for the others. */
            PREFETCH(table + buckets[i + AHEAD] * stride + column);
            for (int k = 0; k < COLUMNS; k++)
                sums[k] += row[k];
        }
        int64_t left = width - column;
        memcpy(out + column, sums, (size_t)(left < COLUMNS ? left : COLUMNS) * sizeof *sums);
    }
}

typedef struct {
    const int16_t *rows;
    int64_t stride, width;
    int shift;
} Table;

static void sum_kind(Table table, int32_t *buckets, int64_t n, int32_t *sums, int64_t *count)
{
    /* What is prefetched behind the last one. */
    memset(buckets + n, 0, AHEAD * sizeof *buckets);
    add_rows(table.rows, table.stride, buckets, n, table.width, sums);
    *count = n;
}

static int64_t longest_stretch(const int64_t *starts, int64_t n)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < n; i++)
        if (starts[i + 1] - starts[i] > longest)
            longest = starts[i + 1] - starts[i];
    return longest;
}

PyDoc_STRVAR(ngram_sums_doc,
"ngram_sums(folded, classes, starts, token_starts, hashes, shapes, is_word, table, sums, counts, bits)\n--\n\n"
"Sum of the table's rows over each line's n-grams of each kind, and the number of these n-grams.\n\n"
"The table has 2 ** bits rows of int16, each filled up to a multiple of 16 columns; `sums` has int32 without that.");

static PyObject *py_ngram_sums(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { FOLDED, CLASSES, STARTS, TOKEN_STARTS, HASHES, SHAPES, IS_WORD, TABLE, SUMS, COUNTS, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 2, 1, a))
        return NULL;
    long bits = PyLong_AsLong(args[COUNT]);
    int64_t n_chars = items(&a[CLASSES], 1), n_lines = items(&a[STARTS], 8) - 1, n_tokens = items(&a[IS_WORD], 1);
    int64_t table_items = items(&a[TABLE], 2), sum_items = items(&a[SUMS], 4);
    const int64_t *starts = a[STARTS].view.buf, *token_starts = a[TOKEN_STARTS].view.buf;
    if (PyErr_Occurred() || bits < 1 || bits > 30 || n_lines < 0 || !offsets_fit(starts, n_lines + 1, n_chars) ||
        items(&a[FOLDED], 4) != n_chars || items(&a[TOKEN_STARTS], 8) != n_lines + 1 ||
        !offsets_fit(token_starts, n_lines + 1, n_tokens) || items(&a[HASHES], 4) != n_tokens ||
        items(&a[SHAPES], 4) != n_tokens || items(&a[COUNTS], 8) != n_lines * N_KINDS || table_items < 0 ||
        sum_items < 0 || table_items % ((int64_t)1 << bits) || (n_lines && sum_items % (n_lines * N_KINDS)))
        return misfit(a, COUNT);
    Table table = {a[TABLE].view.buf, table_items >> bits, n_lines ? sum_items / (n_lines * N_KINDS) : 0,
                   32 - (int)bits};
    int64_t longest = longest_stretch(starts, n_lines), most_tokens = longest_stretch(token_starts, n_lines);
    longest = longest > most_tokens ? longest : most_tokens;
    int64_t most_ngrams = (longest + 2 * EDGE_WORDS + 2) * LONGEST_ORDER;
    if (table.stride % COLUMNS || table.width > table.stride || most_ngrams > MOST_NGRAMS)
        return misfit(a, COUNT);
    uint32_t *stream = malloc((size_t)(longest + 1 + LONGEST_ORDER) * sizeof *stream);
    int32_t *buckets = malloc((size_t)(most_ngrams + AHEAD) * sizeof *buckets);
    if (!stream || !buckets) {
        free(stream);
        free(buckets);
        release(a, COUNT);
        return PyErr_NoMemory();
    }
    int32_t *sums = a[SUMS].view.buf;
    int64_t *counts = a[COUNTS].view.buf;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t line = 0; line < n_lines; line++) {
        int64_t start = starts[line], token = token_starts[line], n_line_tokens = token_starts[line + 1] - token;
        int64_t n = character_ngrams((const uint32_t *)a[FOLDED].view.buf + start,
                                     (const uint8_t *)a[CLASSES].view.buf + start, starts[line + 1] - start,
                                     table.shift, stream, buckets);
        sum_kind(table, buckets, n, sums, counts++);
        sums += table.width;
        n = word_ngrams((const uint32_t *)a[HASHES].view.buf + token, (const uint8_t *)a[IS_WORD].view.buf + token,
                        n_line_tokens, table.shift, stream, buckets);
        sum_kind(table, buckets, n, sums, counts++);
        sums += table.width;
        n = shape_ngrams((const uint32_t *)a[SHAPES].view.buf + token, n_line_tokens, table.shift, stream, buckets);
        sum_kind(table, buckets, n, sums, counts++);
        sums += table.width;
    }
    Py_END_ALLOW_THREADS
    free(stream);
    free(buckets);
    release(a, COUNT);
    Py_RETURN_NONE;
}

/* ----------------------------------------------------------------------------------------------------- Likeness */

/* Columns of what shared_words() adds up: all distinct words, their weight, and the weight of those that stand in the
 * line before or after, two lines before or after, in the page's first two lines, in any other line, in another
 * paragraph. */
enum { ALL, WEIGHT, BEFORE, AFTER, BEFORE_2, AFTER_2, IN_FIRST, IN_SECOND, ELSEWHERE, IN_PARAGRAPH, N_SUMS };

/* Whether a word's line `i` + `step` of `n` stands `distance` lines from line `i`. */
static inline int holds_at(const int64_t *line, int64_t n, int64_t i, int64_t step, int64_t distance)
{
    return i + step >= 0 && i + step < n && line[i + step] - line[i] == distance;
}

/* Add the weight of a word, whose `n` lines on a page are given in order, to the sums of these lines. */
static void share_word(const int64_t *line, const int64_t *weight, int64_t n, int64_t first, const uint8_t *paragraph,
                       int64_t *sums)
{
    int in_first = line[0] == first;
    int in_second = line[0] == first + 1 || (n > 1 && line[1] == first + 1);
    int64_t paragraphs = 0;
    for (int64_t i = 0; i < n; i++)
        paragraphs += paragraph[line[i]] != 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t *of_line = sums + line[i] * N_SUMS, w = weight[i];
        of_line[ALL]++;
        of_line[WEIGHT] += w;
        of_line[BEFORE] += w * holds_at(line, n, i, -1, -1);
        of_line[AFTER] += w * holds_at(line, n, i, 1, 1);
        /* The line between may hold the word too. */
        of_line[BEFORE_2] += w * (holds_at(line, n, i, -1, -2) || holds_at(line, n, i, -2, -2));
        of_line[AFTER_2] += w * (holds_at(line, n, i, 1, 2) || holds_at(line, n, i, 2, 2));
        of_line[IN_FIRST] += w * (in_first && line[i] != first);
        of_line[IN_SECOND] += w * (in_second && line[i] != first + 1);
        of_line[ELSEWHERE] += w * (n > 1);
        of_line[IN_PARAGRAPH] += w * (paragraphs > (paragraph[line[i]] != 0));
    }
}

PyDoc_STRVAR(shared_words_doc,
"shared_words(line, hashes, weight, page, page_starts, paragraph, sums)\n--\n\n"
"Add to the ten sums of each line; words are distinct in a line and ordered by hash, then line.");

static PyObject *py_shared_words(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { LINE, HASHES, WEIGHTS, PAGE, PAGE_STARTS, PARAGRAPH, SUMS, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 1, 0, a))
        return NULL;
    const int64_t *line = a[LINE].view.buf, *weight = a[WEIGHTS].view.buf, *page = a[PAGE].view.buf;
    const int64_t *page_starts = a[PAGE_STARTS].view.buf;
    const uint32_t *hashes = a[HASHES].view.buf;
    int64_t n = items(&a[LINE], 8), n_lines = items(&a[PAGE], 8), n_pages = items(&a[PAGE_STARTS], 8) - 1;
    int fits = n >= 0 && n_lines >= 0 && n_pages >= 0 && items(&a[HASHES], 4) == n && items(&a[WEIGHTS], 8) == n &&
               items(&a[PARAGRAPH], 1) == n_lines && items(&a[SUMS], 8) == n_lines * N_SUMS;
    for (int64_t i = 0; fits && i < n_lines; i++)
        fits = page[i] >= 0 && page[i] < n_pages;
    for (int64_t i = 0; fits && i < n; i++)
        fits = line[i] >= 0 && line[i] < n_lines;
    if (!fits)
        return misfit(a, COUNT);
    Py_BEGIN_ALLOW_THREADS
    for (int64_t start = 0, end; start < n; start = end) {
        int64_t on_page = page[line[start]];
        for (end = start + 1; end < n && hashes[end] == hashes[start] && page[line[end]] == on_page;)
            end++;
        share_word(line + start, weight + start, end - start, page_starts[on_page], a[PARAGRAPH].view.buf,
                   a[SUMS].view.buf);
    }
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    Py_RETURN_NONE;
}

/* -------------------------------------------------------------------------------------------------------- Trees */

/* So many lines go down a tree side by side: the steps of one wait for each other, those of several do not. */
#define ABREAST 16

/* Add what a tree says of `n` lines, at most `ABREAST`, to every `stride`th sum. */
WIDE_VECTORS
static void pass_tree(const float *lines, int64_t n_features, int n, const int16_t *feature, const float *threshold,
                      const int16_t *value, int depth, int32_t *sums, int64_t stride)
{
    int32_t node[ABREAST] = {0};
    for (int level = 0; level < depth; level++)
        for (int i = 0; i < n; i++)
            node[i] = 2 * node[i] + 1 + (lines[i * n_features + feature[node[i]]] > threshold[node[i]]);
    for (int i = 0; i < n; i++)
        sums[i * stride] += value[node[i] - ((1 << depth) - 1)];
}

PyDoc_STRVAR(tree_sums_doc,
"tree_sums(evidence, feature, threshold, value, sums, depth, n_labels)\n--\n\n"
"Add the values of the leaves that each line reaches to its sums: tree k to that of label k modulo n_labels.");

static PyObject *py_tree_sums(PyObject *self, PyObject *const *args, Py_ssize_t n_args)
{
    enum { EVIDENCE, FEATURE, THRESHOLD, VALUE, TREE_SUMS, COUNT };
    Array a[COUNT];
    (void)self;
    if (!take(args, n_args, COUNT, 1, 2, a))
        return NULL;
    long depth = PyLong_AsLong(args[COUNT]), n_labels = PyErr_Occurred() ? -1 : PyLong_AsLong(args[COUNT + 1]);
    if (PyErr_Occurred() || depth < 1 || depth > 12 || n_labels < 1 || n_labels > 1000)
        return misfit(a, COUNT);
    const int16_t *feature = a[FEATURE].view.buf, *value = a[VALUE].view.buf;
    const float *evidence = a[EVIDENCE].view.buf, *threshold = a[THRESHOLD].view.buf;
    int64_t leaves = (int64_t)1 << depth, inner = leaves - 1;
    int64_t n_values = items(&a[VALUE], 2), n_trees = n_values / leaves, n_sums = items(&a[TREE_SUMS], 4);
    int64_t n_items = items(&a[EVIDENCE], 4), n_lines = n_sums / n_labels;
    int fits = n_values >= 0 && n_sums >= 0 && n_items >= 0 && n_values % leaves == 0 && n_sums % n_labels == 0 &&
               items(&a[FEATURE], 2) == n_trees * inner && items(&a[THRESHOLD], 4) == n_trees * inner &&
               (n_lines ? n_items % n_lines == 0 : n_items == 0);
    int64_t n_features = fits && n_lines ? n_items / n_lines : 0;
    for (int64_t i = 0; fits && n_lines && i < n_trees * inner; i++)
        fits = feature[i] >= 0 && feature[i] < n_features;
    if (!fits)
        return misfit(a, COUNT);
    int32_t *sums = a[TREE_SUMS].view.buf;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t line = 0; line < n_lines; line += ABREAST) {
        int n = n_lines - line < ABREAST ? (int)(n_lines - line) : ABREAST;
        for (int64_t tree = 0; tree < n_trees; tree++)
            pass_tree(evidence + line * n_features, n_features, n, feature + tree * inner, threshold + tree * inner,
                      value + tree * leaves, (int)depth, sums + line * n_labels + tree % n_labels, n_labels);
    }
    Py_END_ALLOW_THREADS
    release(a, COUNT);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------------------- Module */

static PyMethodDef methods[] = {
    {"find_lines", (PyCFunction)(void (*)(void))py_find_lines, METH_FASTCALL, find_lines_doc},
    {"view_lines", (PyCFunction)(void (*)(void))py_view_lines, METH_FASTCALL, view_lines_doc},
    {"count_classes", (PyCFunction)(void (*)(void))py_count_classes, METH_FASTCALL, count_classes_doc},
    {"tokenise", (PyCFunction)(void (*)(void))py_tokenise, METH_FASTCALL, tokenise_doc},
    {"shared_words", (PyCFunction)(void (*)(void))py_shared_words, METH_FASTCALL, shared_words_doc},
    {"ngram_sums", (PyCFunction)(void (*)(void))py_ngram_sums, METH_FASTCALL, ngram_sums_doc},
    {"tree_sums", (PyCFunction)(void (*)(void))py_tree_sums, METH_FASTCALL, tree_sums_doc},
    {NULL, NULL, 0, NULL},
};

/* What this was compiled from, so that kernel.py sees when the source has changed since; setup.py gives the number. */
static int add_constants(PyObject *self)
{
    return PyModule_AddIntConstant(self, "SOURCE", KERNEL_SOURCE);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)add_constants},
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "boilerplate._kernel", "Compiled help for labelling; see kernel.py.", 0, methods,
    slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&module);
}
