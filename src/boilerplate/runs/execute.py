"""One function on many tasks: in this process, on all cores, or on a cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeVar

from boilerplate.errors import BoilerplateError, missing_extra

PARENT_CHECK_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 20
"""How long a Dask scheduler may take to answer, and then its first worker."""

Task = TypeVar("Task")
Result = TypeVar("Result")


def execute(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    jobs: int = 1,
    dask: str | None = None,
    ordered: bool = False,
) -> Generator[Result, None, None]:
    """Call a function on each task and give the results as they come.

    Closing the generator, or an exception in its reader, ends the workers.

    Parameters
    ----------
    function : callable
        Takes one task. Function, tasks and results must pickle, and should be small: what is large goes through files.
    tasks : iterable
        Drawn as workers become free. On Dask all of them at once, as workers may join while they run.
    jobs : int, default=1
        Processes on this machine; -1 for one a core. With 1, everything happens in this process.
    dask : str, optional
        Address of a Dask scheduler, whose workers then do the work.
    ordered : bool, default=False
        Whether results come in the order of the tasks, rather than as they are done.

    Yields
    ------
    result

    Raises
    ------
    BoilerplateError
        If a worker died, or no cluster answers. Exceptions of the function itself come through.
    """
    if dask is None and jobs == 1:
        yield from map(function, tasks)
        return
    from joblib import Parallel, delayed

    with _cores(jobs) if dask is None else _cluster(dask):
        parallel = Parallel(
            n_jobs=jobs if dask is None else -1,
            batch_size=1,
            pre_dispatch="2*n_jobs" if dask is None else "all",
            return_as="generator" if ordered else "generator_unordered",
        )
        reader = _Reader(tasks)
        call = function if dask else _Attended(function, os.getpid())
        results: Generator[Result, None, None] = parallel(delayed(call)(task) for task in reader.tasks())
        with _closing_quietly(results), _lost_workers():
            for result in results:
                with reader.busy():
                    yield result
        if reader.error is not None:
            raise reader.error


class _Reader:
    """The reader of results, as seen by the thread that joblib draws tasks in.

    joblib draws a task for each that is done, whether or not the reader has taken its result; and it would wait for
    ever for a task whose drawing fails. So tasks are held back while the reader is busy, lest results pile up behind a
    slow one; and an error ends them, for the reader to raise.
    """

    def __init__(self, tasks: Iterable[Any]) -> None:
        self.error: Exception | None = None
        self._tasks = tasks
        self._change = threading.Condition()
        self._is_busy = False

    def tasks(self) -> Iterator[Any]:
        """The tasks, each when the reader waits for results."""
        try:
            for task in self._tasks:
                with self._change:
                    self._change.wait_for(lambda: not self._is_busy)
                yield task
        except Exception as error:
            self.error = error

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While the reader works on a result."""
        self._set(True)
        try:
            yield
        finally:
            self._set(False)

    def _set(self, is_busy: bool) -> None:
        with self._change:
            self._is_busy = is_busy
            self._change.notify_all()


@contextmanager
def _cores(jobs: int) -> Iterator[None]:
    """Processes of this machine, each with one thread for linear algebra."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        with _interrupts_kept_back():
            # They are started by their first tasks, and kept for the next ones.
            Parallel(n_jobs=jobs)(delayed(_end_with)(os.getpid()) for _ in range(2))
        yield


@contextmanager
def _cluster(address: str) -> Iterator[None]:
    """The workers of a Dask cluster."""
    from joblib import parallel_config

    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise missing_extra("--dask needs Dask", "dask") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise BoilerplateError(f"--dask {address}: no scheduler answers ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise BoilerplateError(
                f"--dask {address}: the scheduler has no workers; start some with `dask worker`"
            ) from None
        with parallel_config(backend="dask", client=client):
            yield


@contextmanager
def _closing_quietly(results: Generator[Any, None, None]) -> Iterator[None]:
    """Close results at the end; joblib would warn of tasks that this cuts short, as if it were not meant."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            results.close()


@contextmanager
def _lost_workers() -> Iterator[None]:
    """Say in one line what became of a worker."""
    try:
        yield
    except Exception as error:
        # Their types live in packages that may not be installed; joblib's own is private.
        if type(error).__name__ == "TerminatedWorkerError":
            raise BoilerplateError(
                "a worker process was killed, perhaps for want of memory; try again with fewer --jobs"
            ) from error
        if type(error).__name__ == "KilledWorker":
            raise BoilerplateError(f"workers of the cluster keep dying over one task: {error}") from error
        raise


@contextmanager
def _interrupts_kept_back() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, though a terminal sends it to all of them: their parent ends them.

    Processes inherit that a signal is blocked, so that they are deaf to it from the very beginning. The parent gets it
    when the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as loky_tracker

    # They lift the block when they start.
    resource_tracker.ensure_running()
    loky_tracker.ensure_running()
    with _interrupts_noted():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupts_noted() -> Iterator[None]:
    """Put off an interrupt until the block ends.

    The system gives a blocked signal to any other thread, such as that of a progress bar, and Python then interrupts
    the main thread all the same: in the middle of starting a process, which would complain of it.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread is ever interrupted, and may say how.
        yield
        return
    noted = []
    handler = signal.signal(signal.SIGINT, lambda *_: noted.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if noted:
            signal.raise_signal(signal.SIGINT)


class _Attended:
    """A function for a worker process that does not outlive its parent, even one that was killed."""

    def __init__(self, function: Callable[[Any], Any], parent: int) -> None:
        self.function = function
        self.parent = parent

    def __call__(self, task: Any) -> Any:
        _end_with(self.parent)
        return self.function(task)


@cache
def _end_with(parent: int) -> None:
    """From now on end this process when its parent is gone; not where joblib makes do with the parent itself."""
    if os.getpid() == parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()
