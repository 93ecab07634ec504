"""The same run on a real Dask cluster: a scheduler and two workers on this machine, one of which is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import COMMAND, PATIENCE, files_of_run, run, wait_for
from distributed import Client

from boilerplate.corpus import AnnotatedPage
from boilerplate.runs import execute

SHARD = ("--shard-size", "8kB")
QUIET = ("--no-dashboard", "--host", "127.0.0.1")


@dataclass(frozen=True)
class Cluster:
    """Processes that `dask scheduler` and `dask worker` started."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers."""
    contact = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen([*dask, *arguments], **quiet))
            stack.callback(process.kill)
            return process

        start("scheduler", *QUIET, "--port", "0", "--scheduler-file", str(contact))
        address = wait_for(lambda: address_in(contact))
        one_thread = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path), "--scheduler-file")
        workers = [start("worker", *QUIET, *one_thread, str(contact)) for _ in range(2)]
        with Client(address, timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(len(workers), timeout=PATIENCE)
        yield Cluster(address, workers)


@pytest.fixture
def records(data_pages: list[AnnotatedPage], tmp_path: Path) -> Path:
    """JSON Lines of some hundred shards."""
    path = tmp_path / "records.jsonl"
    rows = [json.dumps({"id": page.id, "text": page.text}) for page in data_pages[::2]]
    path.write_text("\n".join([*rows[:100], '{"id": "no text"}', *rows[100:]]) + "\n")
    return path


def address_in(contact: Path) -> str | None:
    """Where the scheduler listens, once its file says so; it may be there before it is whole."""
    try:
        address: str = json.loads(contact.read_text())["address"]
    except (OSError, ValueError):
        return None
    return address


def count_done(folder: Path) -> int:
    """Number of shards that are done."""
    return len(list((folder / "done").glob("*.json")))


def settled(folder: Path) -> int:
    """Number of shards that are done, when there have been no more for a while."""
    done = -1
    while (now := count_done(folder)) != done:
        done = now
        time.sleep(0.3)
    return done


def test_a_lost_worker_changes_nothing(cluster: Cluster, records: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert run("score", records, "--run-dir", alone, *SHARD).code == 0
    command = [*COMMAND, "score", str(records), "--run-dir", str(together), *SHARD, "--dask", cluster.address]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for(lambda: count_done(together) or process.poll() is not None)
        for worker in cluster.workers:
            worker.send_signal(signal.SIGSTOP)
        assert settled(together) < count_done(alone), "others than the workers did the work, or it was over too soon"
        assert process.poll() is None
        cluster.workers[0].kill()
        cluster.workers[1].send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors.decode()
    assert files_of_run(together) == files_of_run(alone)


def test_a_cluster_that_does_not_answer(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "CONNECT_SECONDS", 0.2)
    done = run("score", records, "--run-dir", tmp_path / "run", "--dask", "tcp://127.0.0.1:1")
    assert done.code == 2
    assert done.complaints[-1].startswith("boilerplate: --dask tcp://127.0.0.1:1: no scheduler answers")
