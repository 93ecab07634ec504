"""Labels that are probably wrong: found, shown, written for correction, put back."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import on_terminal, run

import boilerplate.model
from boilerplate.audit import corrected, find_suspects, marked_pages
from boilerplate.corpus import AnnotatedPage, read_pages, write_json_lines, write_page_files
from boilerplate.errors import InputError
from boilerplate.labels import INDEX, LABELS
from boilerplate.model import LineClassifier
from boilerplate.persistence import save_model


def small_pages() -> list[AnnotatedPage]:
    return [
        AnnotatedPage("mill", "The mill\nThe wheel turns\n\nMore mills", ["body", "promo", "promo"], "a.example"),
        AnnotatedPage("ford", "The ford\nA cow in the ford", ["body", "caption"], "b.example", "en", {"n": [1]}),
        AnnotatedPage(
            "weir", "Weirs\nBy Tom\nWater falls\nSubscribe", ["caption", "promo", "body", "body"], "c.example"
        ),
    ]


RIGHT = {"mill": ["body", "body", "promo"], "ford": ["body", "caption"], "weir": ["body", "promo", "body", "promo"]}


def opinion(pages: list[AnnotatedPage]) -> list[np.ndarray]:
    """Probabilities of somebody who knows the right labels; more sure of each line than of the one before."""
    out, sure = [], 0.80
    for page in pages:
        rows = np.empty((len(page.labels), len(LABELS)))
        for row, label in zip(rows, RIGHT[page.id], strict=True):
            sure += 0.01
            row[:] = (1 - sure) / 3
            row[INDEX[label]] = sure
        out.append(rows)
    return out


class KnowsRight:
    """Stands for the classifier, whose training takes long."""

    held_out_probabilities_: list[np.ndarray]
    seen: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        KnowsRight.seen = dict(settings)

    def fit(self, texts: list[str], labels: list[list[str]], groups: list[str], **more: Any) -> KnowsRight:
        KnowsRight.seen |= {"groups": groups, **more}
        by_text = {page.text: page for page in small_pages()}
        self.held_out_probabilities_ = opinion([by_text[text] for text in texts])
        return self


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pages in a folder, and a classifier that knows better."""
    monkeypatch.setattr(boilerplate.model, "LineClassifier", KnowsRight)
    folder = tmp_path / "pages"
    write_page_files(small_pages(), folder)
    return folder


class TestRanking:
    def test_the_least_probable_label_comes_first(self) -> None:
        pages = small_pages()
        found = find_suspects(pages, opinion(pages), share=1)
        assert [(pages[each.page].id, each.number) for each in found] == [("weir", 4), ("weir", 1), ("mill", 2)]
        assert {(each.label, each.suggested) for each in found} == {
            ("body", "promo"),
            ("caption", "body"),
            ("promo", "body"),
        }
        first = found[0]
        assert first.text == "Subscribe"
        assert first.probabilities["promo"] == pytest.approx(0.89)
        assert sum(first.probabilities.values()) == pytest.approx(1)

    @pytest.mark.parametrize(("share", "limit", "count"), [(0.12, None, 1), (1, 2, 2), (0.23, 1, 1), (0.05, None, 0)])
    def test_no_more_than_was_asked_for(self, share: float, limit: int | None, count: int) -> None:
        pages = small_pages()
        assert len(find_suspects(pages, opinion(pages), share, limit)) == count

    def test_lines_whose_label_is_the_most_probable_are_not_suspicious(self) -> None:
        pages = [AnnotatedPage(id=name, text=page.text, labels=RIGHT[name]) for name, page in by_id().items()]
        assert find_suspects(pages, opinion(pages), share=1) == []

    def test_probabilities_must_fit_the_lines(self) -> None:
        with pytest.raises(ValueError, match="for each of its lines"):
            find_suspects(small_pages(), opinion(small_pages())[:2])

    def test_nothing_of_nothing(self) -> None:
        assert find_suspects([], []) == []

    def test_marked_pages_come_in_order_of_suspicion_and_keep_their_labels(self) -> None:
        pages = small_pages()
        marked = marked_pages(pages, find_suspects(pages, opinion(pages), share=1))
        assert [page.id for page in marked] == ["weir", "mill"]
        assert marked[0].labels == pages[2].labels
        assert marked[0].extra == {"suggested": {"1": "body", "4": "promo"}}
        assert pages == small_pages()


class TestCorrections:
    def test_labels_of_copies_take_the_place_of_those_of_pages(self) -> None:
        copy = by_id()["weir"]
        copy.labels = RIGHT["weir"]
        pages, changed = corrected(small_pages(), [copy], "copies")
        assert changed == 2
        assert [page.labels for page in pages] == [*[page.labels for page in small_pages()[:2]], RIGHT["weir"]]

    def test_all_scrapes_with_that_text_are_corrected(self) -> None:
        twins = [AnnotatedPage("a", "x\ny", ["body", "body"], extra={"scraper": name}) for name in "pq"]
        pages, changed = corrected(twins, [AnnotatedPage("a", "x\ny", ["body", "promo"])], "copies")
        assert changed == 2
        assert [page.extra for page in pages] == [{"scraper": "p"}, {"scraper": "q"}]

    def test_copies_that_differ_are_refused(self) -> None:
        copies = [AnnotatedPage("a", "x", [label]) for label in ("body", "promo")]
        with pytest.raises(InputError, match="page 'a' twice"):
            corrected([AnnotatedPage("a", "x", ["caption"])], copies, "copies")

    def test_a_copy_whose_text_was_changed_is_refused(self) -> None:
        with pytest.raises(InputError, match="'mill' is none of the pages"):
            corrected(small_pages(), [AnnotatedPage("mill", "The mile", ["body"])], "copies")


class TestCommand:
    def test_each_line_is_judged_without_its_site(self, data: Path) -> None:
        assert run("audit", data, "--seed", "7", "--folds", "3", "--unreviewed-weight", "0.5").code == 0
        assert KnowsRight.seen["groups"] == ["a.example", "b.example", "c.example"]
        assert (KnowsRight.seen["random_state"], KnowsRight.seen["n_folds"]) == (7, 3)
        assert KnowsRight.seen["sample_weight"] == [1, 1, 1]

    def test_pages_of_weight_0_are_left_out(self, data: Path) -> None:
        pages = small_pages()
        pages[1].extra["weight"] = 0
        pages[2].extra["weight"] = 0.5
        write_page_files(pages, data)
        outcome = run("audit", data)
        assert (outcome.code, outcome.errors) == (0, "boilerplate: left out for a weight of 0: 1 pages\n")
        assert KnowsRight.seen["groups"] == ["a.example", "c.example"]
        assert KnowsRight.seen["sample_weight"] == [1, 0.5]

    def test_a_pipe_gets_json_with_context(self, data: Path) -> None:
        outcome = run("audit", data, "--share", "1", "--context", "1")
        rows = [json.loads(row) for row in outcome.text.splitlines()]
        assert [(row["rank"], row["id"], row["number"]) for row in rows] == [
            (1, "weir", 4),
            (2, "weir", 1),
            (3, "mill", 2),
        ]
        last = rows[2]
        assert (last["label"], last["suggested"], last["text"]) == ("promo", "body", "The wheel turns")
        assert last["before"] == [{"number": 1, "text": "The mill", "label": "body"}]
        assert last["after"] == [{"number": 4, "text": "More mills", "label": "promo"}]
        assert rows[1]["before"] == []

    def test_csv(self, data: Path) -> None:
        rows = list(csv.DictReader(io.StringIO(run("audit", data, "--share", "1", "--format", "csv").text)))
        assert [row["text"] for row in rows] == ["Subscribe", "Weirs", "The wheel turns"]
        assert rows[2]["before"] == "body: The mill"
        assert float(rows[0]["p_label"]) < float(rows[0]["p_suggested"])
        assert "file" not in rows[0]

    def test_the_folder_can_be_corrected_and_read_back(self, data: Path, tmp_path: Path) -> None:
        suspects, better = tmp_path / "suspects", tmp_path / "better.jsonl"
        outcome = run("audit", data, "-o", suspects, "--share", "1")
        assert (outcome.code, outcome.raw) == (0, b"")
        assert "3 suspicious lines on 2 of 3 pages" in outcome.errors
        names = sorted(path.name for path in suspects.iterdir())
        assert names == ["000001-weir.page", "000002-mill.page", "suspects.csv"]
        ranking = list(csv.DictReader((suspects / "suspects.csv").open(encoding="utf-8", newline="")))
        assert [row["file"] for row in ranking] == [names[0], names[0], names[1]]
        weir, mill = suspects / names[0], suspects / names[1]
        assert "body?promo\tSubscribe\n" in weir.read_text()

        # Undecided, nothing changes, and the pages can be read as they are.
        untouched = run("convert", data, tmp_path / "same.jsonl", "--corrections", suspects)
        assert "0 lines have another label" in untouched.errors
        assert list(read_pages(tmp_path / "same.jsonl")) == small_pages()
        assert {page.id: page.labels for page in read_pages(suspects)} == {
            name: by_id()[name].labels for name in ("weir", "mill")
        }

        weir.write_text(weir.read_text().replace("body?promo", "promo").replace("caption?body", "caption"))
        mill.write_text(mill.read_text().replace("promo?body", "body"))
        outcome = run("convert", data, better, "--corrections", suspects)
        assert outcome.code == 0, outcome.errors
        assert "2 lines have another label" in outcome.errors
        pages = {page.id: page for page in read_pages(better)}
        assert pages["weir"].labels == ["caption", "promo", "body", "promo"]
        assert pages["mill"].labels == RIGHT["mill"]
        assert pages["ford"] == by_id()["ford"]

    def test_marks_survive_conversion(self, data: Path, tmp_path: Path) -> None:
        run("audit", data, "-o", tmp_path / "suspects", "--share", "1")
        run("convert", tmp_path / "suspects", tmp_path / "pages.jsonl")
        run("convert", tmp_path / "pages.jsonl", tmp_path / "again")
        for name in ("000001-weir.page", "000002-mill.page"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "suspects" / name).read_bytes()

    def test_a_folder_in_use_is_refused_before_training(self, data: Path) -> None:
        KnowsRight.seen = {}
        outcome = run("audit", data, "-o", data)
        assert outcome.code == 2
        assert outcome.complaints == [f"boilerplate: {data}: exists and is not an empty folder; name a new one"]
        assert KnowsRight.seen == {}

    def test_a_folder_in_none_is_refused_before_training(self, data: Path, tmp_path: Path) -> None:
        KnowsRight.seen = {}
        outcome = run("audit", data, "-o", tmp_path / "no" / "suspects")
        assert outcome.code == 2
        assert len(outcome.complaints) == 1
        assert "no such folder around it" in outcome.errors
        assert KnowsRight.seen == {}

    def test_one_site_cannot_be_held_out(self, tmp_path: Path) -> None:
        write_json_lines(small_pages()[:1], tmp_path / "one.jsonl")
        outcome = run("audit", tmp_path / "one.jsonl", "-j", "1")
        assert outcome.code == 2
        assert "at least two groups" in outcome.errors
        assert "--model" in outcome.errors
        assert len(outcome.complaints) == 1

    def test_a_correction_of_no_page_is_refused(self, data: Path, tmp_path: Path) -> None:
        write_json_lines([AnnotatedPage("tarn", "x", ["body"])], tmp_path / "c.jsonl")
        outcome = run("convert", data, tmp_path / "out.jsonl", "--corrections", tmp_path / "c.jsonl")
        assert outcome.code == 2
        assert outcome.complaints == [
            f"boilerplate: {tmp_path / 'c.jsonl'}: page 'tarn' is none of the pages to correct; "
            "its id and its text must stay as they were"
        ]
        assert not (tmp_path / "out.jsonl").exists()


class TestTrainedModel:
    @pytest.fixture
    def saved(self, model: LineClassifier, tmp_path: Path) -> Path:
        path = tmp_path / "small.joblib"
        save_model(model, path)
        return path

    def test_another_model_finds_flipped_labels(
        self, saved: Path, training_pages: list[AnnotatedPage], tmp_path: Path
    ) -> None:
        # Paragraphs called promo: what any model sees.
        pages, flipped = [], set()
        for page in training_pages[:10]:
            labels = list(page.labels)
            lengths = [
                len(line) if label == "body" else 0 for (_, line), label in zip(page.lines(), labels, strict=True)
            ]
            at = int(np.argmax(lengths))
            labels[at] = "promo"
            flipped.add((page.id, list(page.lines())[at][0]))
            pages.append(AnnotatedPage(page.id, page.text, labels, page.site, page.lang, page.extra))
        write_json_lines(pages, tmp_path / "pages.jsonl")
        outcome = run("audit", tmp_path / "pages.jsonl", "--model", saved, "--share", "0.1")
        found = {(row["id"], row["number"]) for row in map(json.loads, outcome.text.splitlines())}
        assert len(found & flipped) >= 7

    def test_a_terminal_shows_each_line_between_its_neighbours(self, saved: Path, tmp_path: Path) -> None:
        write_json_lines(small_pages(), tmp_path / "pages.jsonl")
        screen = on_terminal("audit", tmp_path / "pages.jsonl", "--model", saved, "--share", "1", "--context", "1")
        assert screen.code == 0
        assert re.search(r"\d suspicious lines? of 9", screen.plain)


def by_id() -> dict[str, AnnotatedPage]:
    return {page.id: page for page in small_pages()}
