"""Pipelines that people run already: pandas here, the others with the real libraries, as docs/integrations.md says."""

from __future__ import annotations

import copy
import gzip
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import PATIENCE

import boilerplate
from boilerplate import LABELS, LineClassifier, clean_series, label_frame
from boilerplate.corpus import AnnotatedPage
from boilerplate.errors import ModelError
from boilerplate.integrations.cleaner import PageCleaner
from boilerplate.persistence import save_model

TOP = Path(__file__).parents[1]
ARTICLE = (
    "Ferry line reopens after storm\n\nShare this article\n\n"
    "The ferry line between the two islands reopened on Monday, three days after the storm had torn away its landing "
    "stage, and the first boat was full.\n\nSubscribe to our newsletter\n"
)
PROMO = "Share this article\nSubscribe to our newsletter\nLog in\n"


def example(name: str) -> str:
    """The Python of that name in docs/integrations.md."""
    document = (TOP / "docs" / "integrations.md").read_text(encoding="utf-8")
    [block] = re.findall(rf"^```python {name}\n(.*?)^```", document, flags=re.M | re.S)
    return block


def run_script(script: str, folder: Path, *command: str) -> None:
    """Run a script in a folder with a Python of its own, as a user does."""
    (folder / "script.py").write_text(script, encoding="utf-8")
    quiet = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, "script.py"] if not command else [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def read_rows(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    return [json.loads(row) for row in (gzip.decompress(raw) if path.suffix == ".gz" else raw).splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


# What all share


def test_a_cleaner_does_what_the_package_does() -> None:
    page, empty = PageCleaner()([ARTICLE, ""])
    assert page.text == boilerplate.clean(ARTICLE)
    assert page.lines == boilerplate.label(ARTICLE)
    assert page.labels == [line.label for line in page.lines]
    assert page.quality == boilerplate.quality(ARTICLE)
    assert page.quality_record["body_share"] == pytest.approx(page.quality.body_share, abs=1e-4)
    assert (empty.text, empty.labels, empty.quality.body_share) == ("", [], 0.0)
    [promo] = PageCleaner(keep=["promo"], body_recall=None)([ARTICLE])
    assert promo.text == boilerplate.clean(ARTICLE, keep="promo", body_recall=None)


def test_a_cleaner_travels_without_its_model() -> None:
    cleaner = PageCleaner(body_recall=0.95)
    fresh = pickle.dumps(cleaner)
    assert len(fresh) < 500
    [page] = cleaner([ARTICLE])
    assert pickle.dumps(cleaner) == fresh
    for twin in (pickle.loads(fresh), copy.deepcopy(cleaner)):
        assert twin([ARTICLE]) == [page]


def test_a_cleaner_uses_the_model_it_is_given(
    model: LineClassifier, other_pages: list[AnnotatedPage], tmp_path: Path
) -> None:
    save_model(model, tmp_path / "my.joblib")
    texts = [page.text for page in other_pages]
    cleaned = PageCleaner(tmp_path / "my.joblib")(texts)
    assert [page.text for page in cleaned] == [model.clean(text) for text in texts]
    assert [page.text for page in cleaned] != [page.text for page in PageCleaner()(texts)]


def test_a_cleaner_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'caption'"):
        PageCleaner(keep="captoin")
    with pytest.raises(ValueError, match="body recall must be above 0"):
        PageCleaner(body_recall=1.5)
    with pytest.raises(ValueError, match="for this model"):
        PageCleaner(body_recall=0.2)([ARTICLE])
    with pytest.raises(ModelError, match="no such file"):
        PageCleaner(tmp_path / "none.joblib")([])


# pandas


def test_label_frame_has_a_row_for_each_line() -> None:
    df = pd.DataFrame(
        {"url": ["a", "b", "c", "d"], "text": [ARTICLE, None, PROMO, "\n"], "seen": [1.5, 2.5, 3.5, 4.5]},
        index=pd.Index([7, 7, 8, 9], name="id"),
    )
    lines = label_frame(df, carry=["url", "seen"])
    expected = [boilerplate.label(text) for text in (ARTICLE, PROMO)]
    assert list(lines.columns) == ["page", "url", "seen", "number", "label", "confidence", *LABELS, "text"]
    assert lines.index.tolist() == [7] * 4 + [8] * 3
    assert lines.index.name == "id"
    assert lines["page"].tolist() == [0] * 4 + [2] * 3
    assert lines["url"].tolist() == ["a"] * 4 + ["c"] * 3
    assert lines["number"].tolist() == [1, 3, 5, 7, 1, 2, 3]
    for row, line in zip(lines.to_dict("records"), [line for page in expected for line in page], strict=True):
        assert (row["text"], row["label"]) == (line.text, line.label)
        assert row["confidence"] == pytest.approx(line.confidence)
        assert [row[label] for label in LABELS] == pytest.approx(list(line.probabilities.values()))
    assert {name: str(lines[name].dtype) for name in ("page", "seen", "number", "label", "confidence", *LABELS)} == {
        "page": "int64",
        "seen": "float64",
        "number": "int64",
        "label": "category",
        "confidence": "float64",
        **dict.fromkeys(LABELS, "float64"),
    }
    assert tuple(lines["label"].cat.categories) == LABELS


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series([ARTICLE, None, "", ARTICLE]),
        pd.Series([ARTICLE, np.nan, "", ARTICLE], dtype=object),
        pd.Series([ARTICLE, pd.NA, "", ARTICLE], dtype="string"),
        pd.Series([ARTICLE, None, "", ARTICLE], dtype="category"),
        pd.Series(["\ud800 " + ARTICLE, None, "", ARTICLE], dtype=object),
    ],
    ids=["default", "object", "string", "category", "lone surrogate"],
)
def test_columns_of_text_of_any_type(texts: pd.Series[Any]) -> None:
    cleaned = clean_series(texts)
    assert cleaned.isna().tolist() == [False, True, False, False]
    assert cleaned[0] == boilerplate.clean(texts[0])
    assert cleaned[2] == ""
    assert cleaned[3] == boilerplate.clean(ARTICLE)
    plain = texts.dtype.categories.dtype if texts.dtype == "category" else texts.dtype
    assert cleaned.dtype == plain
    lines = label_frame(texts.to_frame("content"), "content")
    assert lines["text"].dtype == plain
    assert lines["page"].tolist() == [0] * 4 + [3] * 4


@pytest.mark.parametrize("texts", [pd.Series([], dtype=object), pd.Series([None, np.nan]), pd.Series([np.nan])])
def test_columns_without_any_text(texts: pd.Series[Any]) -> None:
    lines = label_frame(texts.to_frame("text"))
    assert len(lines) == 0
    assert str(lines["label"].dtype) == "category"
    assert lines["body"].dtype == "float64"
    assert clean_series(texts).isna().tolist() == [True] * len(texts)


def test_frames_are_labelled_in_batches_of_pages_in_order(other_pages: list[AnnotatedPage]) -> None:
    texts = [page.text for page in other_pages] * 6
    assert len(texts) > 128
    lines = label_frame(pd.DataFrame({"text": texts}))
    counts = [len(page.labels) for page in other_pages] * 6
    assert lines.groupby("page").size().tolist() == counts
    assert lines["text"].tolist()[-counts[-1] :] == [line.text for line in boilerplate.label(texts[-1])]


def test_series_keep_their_index_and_name() -> None:
    cleaned = clean_series(pd.Series([ARTICLE, PROMO], index=["x", "x"], name="page"), keep="promo", body_recall=None)
    assert cleaned.index.tolist() == ["x", "x"]
    assert cleaned.name == "page"
    assert cleaned.tolist() == ["Share this article\n\nSubscribe to our newsletter\n", PROMO]


def test_frames_that_make_no_sense_are_refused() -> None:
    df = pd.DataFrame({"text": [ARTICLE, 3], "label": [1, 2]}, index=["a", "b"])
    with pytest.raises(KeyError, match="no column 'content'"):
        label_frame(df, "content")
    with pytest.raises(KeyError, match="no column 'url'"):
        label_frame(df, carry="url")
    with pytest.raises(ValueError, match="'label' cannot be carried"):
        label_frame(df, carry="label")
    with pytest.raises(ValueError, match=r"row 1 \(index 'b'\) of column 'text' holds no text but int"):
        label_frame(df)


def test_importing_the_package_does_not_import_pandas() -> None:
    script = "import sys, boilerplate; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_pandas_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "pages.jsonl", [{"url": "/a", "text": ARTICLE}, {"url": "/b", "text": PROMO}])
    names: dict[str, Any] = {}
    exec(example("pandas"), names)
    assert names["pages"]["body_text"].tolist() == [boilerplate.clean(ARTICLE), ""]
    assert "Share this article" in capsys.readouterr().out


# Scrapy


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A site of two pages on loopback: an article, and a page with nothing to read."""
    pages = tmp_path / "site"
    pages.mkdir()
    article = "".join(f"<p>{line}</p>" for line in ARTICLE.split("\n") if line)
    promo = "".join(f"<li>{line}</li>" for line in PROMO.split("\n") if line)
    (pages / "index.html").write_text(f"<html><body>{article}<a href='/more.html'>More</a></body></html>")
    (pages / "more.html").write_text(f"<html><body><ul>{promo}</ul></body></html>")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(pages))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_the_scrapy_example_crawls(site: str, tmp_path: Path) -> None:
    pytest.importorskip("scrapy")
    pytest.importorskip("resiliparse")
    command = ("scrapy", "runspider", "script.py", "-a", f"start={site}", "-o", "pages.jsonl", "--logfile", "log")
    run_script(example("scrapy"), tmp_path, *command)
    [item] = read_rows(tmp_path / "pages.jsonl")
    assert item["url"] == site
    assert "Share this article" in item["text"]
    assert item["body_text"] == boilerplate.clean(item["text"])
    assert "landing stage" in item["body_text"]
    assert item["labels"] == [line.label for line in boilerplate.label(item["text"])]
    assert item["quality"]["counts"]["promo"] >= 2
    log = (tmp_path / "log").read_text()
    assert re.search(r"Dropped: body share 0\.[012]\d is below 0\.3", log)
    assert "'boilerplate/pages': 2" in log
    assert "'boilerplate/low_quality': 1" in log
    assert "ERROR" not in log


def pipeline(**settings: Any) -> Any:
    """The pipeline of a crawler with these settings."""
    pytest.importorskip("scrapy")
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.statscollectors import MemoryStatsCollector

    from boilerplate.integrations.scrapy import BoilerplatePipeline

    crawler = Crawler(Spider, settings)
    crawler.stats = MemoryStatsCollector(crawler)
    return BoilerplatePipeline.from_crawler(crawler)


@dataclass
class DataclassPage:
    text: str
    body_text: str = ""
    labels: list[str] = field(default_factory=list)
    quality: dict[str, Any] = field(default_factory=dict)


def test_items_of_every_kind_are_annotated() -> None:
    pytest.importorskip("scrapy")
    import attrs
    import scrapy
    from itemadapter import ItemAdapter

    class ScrapyPage(scrapy.Item):
        text = scrapy.Field()
        body_text = scrapy.Field()
        labels = scrapy.Field()
        quality = scrapy.Field()

    @attrs.define
    class AttrsPage:
        text: str
        body_text: str = ""
        labels: list[str] = attrs.field(factory=list)
        quality: dict[str, Any] = attrs.field(factory=dict)

    step = pipeline()
    for item in ({"text": ARTICLE}, ScrapyPage(text=ARTICLE), DataclassPage(ARTICLE), AttrsPage(ARTICLE)):
        assert step.process_item(item) is item
        fields = ItemAdapter(item)
        assert fields["text"] == ARTICLE
        assert fields["body_text"] == boilerplate.clean(ARTICLE)
        assert fields["labels"] == ["body", "promo", "body", "promo"]
        assert fields["quality"]["lines"] == 4
    assert step.stats.get_value("boilerplate/pages") == 4
    assert step.stats.get_value("boilerplate/lines/promo") == 8


def test_items_without_the_fields_go_without_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Narrow:
        text: str | list[str] | None
        labels: list[str] = field(default_factory=list)

    step = pipeline(BOILERPLATE_QUALITY_FIELD="")
    for _ in range(2):
        item = step.process_item(Narrow(ARTICLE))
        assert item.labels == ["body", "promo", "body", "promo"]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("boilerplate")] == [
        "boilerplate: field 'body_text' of Narrow is not declared; declare it, or set BOILERPLATE_CLEAN_FIELD to "
        "another or to ''"
    ]
    assert step.process_item(Narrow([ARTICLE])) == Narrow([ARTICLE])
    assert "field 'text' of Narrow holds no text but list; join its parts" in caplog.text
    assert step.process_item(Narrow(None)) == Narrow(None)
    assert step.process_item({"image": "a.png"}) == {"image": "a.png"}
    assert step.stats.get_value("boilerplate/no_text") == 3


def test_settings_of_the_scrapy_pipeline() -> None:
    step = pipeline(
        BOILERPLATE_TEXT_FIELD="content",
        BOILERPLATE_CLEAN_FIELD="content",
        BOILERPLATE_LABELS_FIELD="",
        BOILERPLATE_QUALITY_FIELD="",
        BOILERPLATE_KEEP="body,promo",
        BOILERPLATE_MOST_PROBABLE="true",
        BOILERPLATE_MIN_QUALITY="0.3",
    )
    from scrapy.exceptions import DropItem

    cleaned = boilerplate.clean(ARTICLE, ("body", "promo"), None)
    assert step.process_item({"content": ARTICLE}) == {"content": cleaned}
    for bad in (PROMO, ""):
        with pytest.raises(DropItem, match=r"is below 0\.3"):
            step.process_item({"content": bad})
    assert step.stats.get_value("boilerplate/low_quality") == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"BOILERPLATE_MIN_QUALITY": "much"}, "BOILERPLATE_MIN_QUALITY must be a number between 0 and 1, not 'much'"),
        ({"BOILERPLATE_BODY_RECALL": 2}, "BOILERPLATE_BODY_RECALL must be a number between 0 and 1, not 2"),
        ({"BOILERPLATE_BODY_RECALL": 0.2}, "for this model"),
        ({"BOILERPLATE_KEEP": "article"}, "unknown label 'article'"),
        ({"BOILERPLATE_MODEL": "none.joblib"}, r"none\.joblib: no such file"),
    ],
)
def test_a_crawl_with_wrong_settings_does_not_start(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, ModelError), match=message):
        pipeline(**settings)


# datatrove


def test_the_datatrove_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("datatrove")
    for name in "ab":
        rows = [{"id": f"{name}{number}", "text": (ARTICLE, PROMO)[number % 2]} for number in range(120)]
        write_rows(tmp_path / "scraped" / f"{name}.jsonl", rows)
    run_script(example("datatrove"), tmp_path)
    for number, name in enumerate("ab"):
        cleaned = read_rows(tmp_path / "cleaned" / f"0000{number}.jsonl.gz")
        assert [doc["id"] for doc in cleaned] == [f"{name}{number}" for number in range(0, 120, 2)]
        assert {doc["text"] for doc in cleaned} == {boilerplate.clean(ARTICLE)}
        quality = cleaned[0]["metadata"]["quality"]
        assert quality["counts"] == boilerplate.quality(ARTICLE).counts
        assert quality["body_share"] == pytest.approx(boilerplate.quality(ARTICLE).body_share, abs=1e-4)
        dropped = read_rows(tmp_path / "dropped" / f"0000{number}.jsonl.gz")
        assert [doc["id"] for doc in dropped] == [f"{name}{number}" for number in range(1, 120, 2)]
        assert {doc["text"] for doc in dropped} == {PROMO}
        assert {doc["metadata"]["filter_reason"] for doc in dropped} == {"low_quality"}
    statistics = json.loads((tmp_path / "logs" / "stats.json").read_text())[1]["stats"]
    assert statistics["batches"] == 4
    assert (statistics["forwarded"], statistics["dropped_low_quality"]) == (120, 120)
    assert statistics["line-promo"]["total"] == 120 * 2 + 120 * 3


def test_the_datatrove_step_takes_one_document_too() -> None:
    pytest.importorskip("datatrove")
    from datatrove.data import Document

    from boilerplate.integrations.datatrove import BoilerplateFilter

    step = BoilerplateFilter(keep="promo", body_recall=None, quality_field="page", batch_size=1)
    assert pickle.loads(pickle.dumps(step)).cleaner.keep == ("promo",)
    docs = [Document(ARTICLE, "a"), Document("", "b")]
    assert list(step(iter(docs))) == docs
    assert docs[0].text == "Share this article\n\nSubscribe to our newsletter\n"
    assert docs[1].text == ""
    assert docs[1].metadata["page"]["body_share"] == 0
    with pytest.raises(ValueError, match="min_quality must be between 0 and 1, not 30"):
        BoilerplateFilter(min_quality=30)


# Hugging Face datasets


def test_the_datasets_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    texts = [ARTICLE, PROMO] * 3
    write_rows(tmp_path / "pages.jsonl", [{"id": number, "text": text} for number, text in enumerate(texts)])
    run_script(example("datasets") + '\ndataset.to_json("out.jsonl")\n', tmp_path)
    rows = read_rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == [0, 2, 4]
    for row in rows:
        assert row["body_text"] == boilerplate.clean(ARTICLE)
        assert row["labels"] == ["body", "promo", "body", "promo"]
        assert row["quality"]["counts"] == boilerplate.quality(ARTICLE).counts


# scikit-learn


@pytest.mark.usefixtures("hasty")
def test_the_scikit_learn_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TOP / "data" / "pages", "all")
    Path("pages").mkdir()
    for path in sorted(Path("all").rglob("*.page"))[::60]:
        path.rename(Path("pages") / path.name)
    sizes = "n_folds=2, n_networks=1, tree_rounds=1, text_iterations=2, text_epochs=1, epochs=1, hash_bits=10"
    names: dict[str, Any] = {}
    exec(example("scikit-learn").replace("LineClassifier()", f"LineClassifier({sizes})"), names)
    assert names["scores"].shape == (2,)
    assert ((names["scores"] > 0) & (names["scores"] < 1)).all()
    assert capsys.readouterr().out
