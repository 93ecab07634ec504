"""Inputs and outputs behind URLs: fsspec's own file systems, a real S3 server, a real web server."""

from __future__ import annotations

import gzip
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import run, run_alone

from boilerplate.corpus import json_row
from boilerplate.errors import InputError
from boilerplate.inputs import Scrape, Span, list_sources, read_span, split
from boilerplate.storage import open_to_read, written_whole_at

ROWS = b"".join(json_row({"text": f"Page {number}"}).encode() for number in range(200))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket on an S3 server on this machine."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="scrapes")
        yield "s3://scrapes"
    server.stop()


@pytest.fixture(params=["memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder of some file system, by its URL."""
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    if request.param == "file":
        return f"file://{tmp_path}"
    return f"{request.getfixturevalue('s3')}/{tmp_path.name}"


def put(url: str, content: bytes) -> None:
    with fsspec.open(url, "wb", auto_mkdir=True) as file:
        file.write(content)


def get(url: str) -> bytes:
    with fsspec.open(url, "rb") as file:
        content: bytes = file.read()
    return content


def texts(*inputs: str) -> list[str]:
    items = [item for source in list_sources(inputs) for item in read_span(Span(source))]
    assert all(isinstance(item, Scrape) for item in items), items
    return [item.text for item in items if isinstance(item, Scrape)]


class TestStores:
    @pytest.fixture(autouse=True)
    def files(self, store: str) -> None:
        put(f"{store}/a/one.txt", b"One")
        put(f"{store}/a/b/two.txt.gz", gzip.compress(b"Two"))
        put(f"{store}/a/.hidden.txt", b"hidden")
        put(f"{store}/a/notes.log", b"passed over")
        put(f"{store}/rows.jsonl", ROWS)
        put(f"{store}/unnamed", gzip.compress(b'{"text": "Three"}\n'))
        table = io.BytesIO()
        pq.write_table(pa.table({"text": ["Four", "Five", "Six"]}), table, row_group_size=1)
        put(f"{store}/table.parquet", table.getvalue())

    def test_files_folders_and_patterns(self, store: str) -> None:
        assert texts(f"{store}/a/one.txt") == ["One"]
        assert texts(f"{store}/a") == texts(f"{store}/a/") == ["Two", "One"]
        assert texts(f"{store}/a/*.txt") == ["One"]
        assert texts(f"{store}/a/.*.txt") == ["hidden"]
        assert texts(f"{store}/a/**/*.txt.gz") == ["Two"]
        assert texts(f"{store}/unnamed") == ["Three"]
        assert texts(f"{store}/table.parquet") == ["Four", "Five", "Six"]

    def test_size_and_time_are_noted(self, store: str) -> None:
        [source] = list_sources([f"{store}/rows.jsonl"])
        assert (source.path, source.size) == (f"{store}/rows.jsonl".replace("memory://", "memory:///"), len(ROWS))
        assert source.mtime is not None
        assert source.mtime > 1e9

    def test_shards(self, store: str) -> None:
        for name, target, at_least in (("rows.jsonl", 500, 8), ("table.parquet", 1, 3)):
            [source] = list_sources([f"{store}/{name}"])
            spans = split(source, target)
            assert len(spans) >= at_least
            assert [item for span in spans for item in read_span(span)] == list(read_span(Span(source)))

    @pytest.mark.parametrize("name", ["out.jsonl", "out.csv.gz", "out.parquet"])
    def test_outputs(self, name: str, store: str, tmp_path: Path) -> None:
        url, path = f"{store}/{name}", tmp_path / f"local-{name}"
        assert run("score", f"{store}/rows.jsonl", "-o", url).code == 0
        assert run("score", f"{store}/rows.jsonl", "-o", path).code == 0
        assert get(url) == path.read_bytes()

    def test_an_output_appears_whole_or_not_at_all(self, store: str) -> None:
        put(f"{store}/out.txt", b"precious")
        with suppress(KeyboardInterrupt), written_whole_at(f"{store}/out.txt") as file:
            file.write(b"half")
            raise KeyboardInterrupt
        assert get(f"{store}/out.txt") == b"precious"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("none.txt", "no such file or folder"),
            ("*.none", "no file matches this pattern"),
            ("a/b/c/", "no such file or folder"),
        ],
    )
    def test_what_is_not_there(self, name: str, message: str, store: str) -> None:
        outcome = run("score", f"{store}/{name}")
        assert (outcome.code, outcome.raw) == (2, b"")
        assert outcome.complaints[0] == f"boilerplate: {store}/{name}: {message}"


def test_a_bucket_that_is_not_there(s3: str) -> None:
    outcome = run("score", "s3://none/a.txt")
    assert outcome.code == 2
    assert outcome.complaints[0].startswith("boilerplate: s3://none/a.txt: ")
    outcome = run("score", "-o", "s3://none/a.jsonl", stdin=b"One")
    assert (outcome.code, len(outcome.complaints)) == (2, 1)
    assert outcome.errors.startswith("boilerplate: s3://none/a.jsonl: ")


def test_protocols_that_nobody_knows() -> None:
    with pytest.raises(InputError, match=r"nonsense://a\.txt: Protocol not known: nonsense"):
        open_to_read("nonsense://a.txt")


class Plain(http.server.SimpleHTTPRequestHandler):
    """Serves whole files only, as the simplest web servers do."""

    def log_message(self, *arguments: object) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "none")
        super().end_headers()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server, and the folder that it serves."""
    folder = tmp_path / "www"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Plain, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


class TestWeb:
    def test_files(self, web: tuple[str, Path]) -> None:
        url, folder = web
        (folder / "rows.jsonl.gz").write_bytes(gzip.compress(ROWS))
        (folder / "article").write_bytes("<!doctype html><meta charset=utf-8><h1>Größe</h1><p>Text".encode())
        assert len(texts(f"{url}/rows.jsonl.gz")) == 200
        assert texts(f"{url}/article?page=1#top") == ["Größe\n\nText\n"]
        outcome = run("clean", f"{url}/article", "--keep", "body,promo,caption,foreign-caption")
        assert outcome.text == "Größe\n\nText\n"

    def test_what_is_not_there(self, web: tuple[str, Path]) -> None:
        url, _ = web
        outcome = run("score", f"{url}/none.txt")
        assert (outcome.code, outcome.complaints[0]) == (2, f"boilerplate: {url}/none.txt: no such file or folder")

    def test_whole_files_only_though_nothing_said_so(
        self, web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url, folder = web
        monkeypatch.setattr(Plain, "end_headers", http.server.SimpleHTTPRequestHandler.end_headers)
        monkeypatch.setattr("boilerplate.storage._BLOCK_BYTES", 1 << 16)
        (folder / "rows.jsonl").write_bytes(ROWS * (1 + (1 << 20) // len(ROWS)))
        with pytest.raises(InputError, match="the server gives whole files only; fetch it first"):
            texts(f"{url}/rows.jsonl")

    def test_nobody_at_home(self) -> None:
        outcome = run("score", "http://127.0.0.1:9/a.txt")
        assert outcome.code == 2
        assert outcome.complaints[0].startswith("boilerplate: http://127.0.0.1:9/a.txt: cannot be fetched: ")

    def test_a_server_that_refuses(self, web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        url, _ = web
        monkeypatch.setattr(Plain, "send_head", lambda self: self.send_error(403))
        outcome = run("score", f"{url}/a.txt")
        assert outcome.complaints[0] == f"boilerplate: {url}/a.txt: cannot be fetched: 403 Forbidden"

    @pytest.mark.parametrize("option", ["-o", "--run-dir"])
    def test_is_for_reading(self, option: str, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("One")
        outcome = run("score", tmp_path / "a.txt", option, "http://127.0.0.1:9/a.jsonl")
        assert (outcome.code, outcome.raw, len(outcome.complaints)) == (2, b"", 1)
        assert "http://127.0.0.1:9/a.jsonl: cannot be written: HTTP is for reading" in outcome.errors


def test_records_name_where_they_come_from(s3: str) -> None:
    put(f"{s3}/one.jsonl", b'{"text": "One"}\n{bad\n')
    outcome = run("score", f"{s3}/one.jsonl")
    assert [(json.loads(row)["id"], json.loads(row)["path"]) for row in outcome.text.splitlines()] == [
        (f"{s3}/one.jsonl:1", f"{s3}/one.jsonl")
    ]
    assert outcome.complaints[0].startswith(f"boilerplate: {s3}/one.jsonl:2: bad JSON: ")


def test_a_run_directory_on_s3(s3: str) -> None:
    put(f"{s3}/run/in.jsonl", ROWS + b"{}\n")
    command = ("score", f"{s3}/run/in.jsonl", "--run-dir", f"{s3}/run/out", "--shard-size", "1kB")
    outcome = run_alone(*command, "-j", "2")
    assert outcome.code == 0, outcome.errors
    assert "200 pages" in outcome.errors
    assert "1 records could not be read" in outcome.errors
    system = fsspec.filesystem("s3")
    shards = sorted(system.ls(f"{s3}/run/out/output", detail=False))
    assert len(shards) > 2
    expected = run("score", f"{s3}/run/in.jsonl", "--rejects", os.devnull).raw
    assert b"".join(map(system.cat_file, shards)) == expected
    system.rm_file(shards[1])
    assert run(*command, "--resume").code == 0
    system.invalidate_cache()
    assert b"".join(map(system.cat_file, shards)) == expected
