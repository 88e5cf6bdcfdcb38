"""Beyond one machine: chunks on a Dask cluster. In: an address, a pure function of a chunk. Out: results as they come.

Must not know: what a chunk is. The function travels once to each worker, not with each chunk. A chunk lost with its
worker is run again by Dask; results are the same bits wherever they are made, which is why workers with other sources
or libraries, or on another platform, are refused, those that join later too.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from typing import Any

from edgeofcare.errors import ClusterError
from edgeofcare.provenance import library_versions, platform_name, source_hash

TIMEOUT_SECONDS = 10
LOST_WORKERS = 10  # workers that may die under one chunk before the run gives up
CHUNKS_FOR_EACH_THREAD = 4  # chunks handed out ahead, so that results do not pile up and no worker waits
WHAT = ("sources", "platform", "libraries")
Identity = tuple[str, str, tuple[tuple[str, str], ...]]


@lru_cache(maxsize=1)
def identity() -> Identity:
    """Return what must be equal on all machines for equal bits: sources, platform, libraries."""
    return source_hash(), platform_name(), tuple(library_versions().items())


def run_on_cluster(
    address: str, function: Callable[..., Any], to_do: dict[int, tuple[int, int]], n_workers: int
) -> Iterator[tuple[int, Any]]:
    """Yield (chunk number, result) as chunks finish.

    address: "local" for n_workers processes on this machine, or a scheduler's "tcp://host:port".
    Raises ClusterError if the extra is missing, nothing answers, there are no workers, or a worker differs.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError("--cluster needs Dask: pip install 'edgeofcare[cluster]'.") from None
    with ExitStack() as stack:
        if address == "local":
            address = stack.enter_context(_local_cluster(distributed, n_workers))
        client = stack.enter_context(_connected(distributed, address))
        _check_workers(client, address)
        name = f"edgeofcare-{uuid.uuid4().hex}"
        client.register_plugin(_carrier(distributed, function), name=name)
        stack.callback(_forget, client, name)
        try:
            yield from _results(distributed, client, name, to_do)
        except distributed.KilledWorker as error:
            raise ClusterError(f"too many workers of {address} died under one chunk ({error}). {KEPT}") from None
        except (CancelledError, OSError) as error:
            raise ClusterError(f"the scheduler at {address} was lost ({error}). {KEPT}") from None


KEPT = "What was finished is kept with --out; continue with --resume."


def _results(distributed: Any, client: Any, name: str, to_do: dict[int, tuple[int, int]]) -> Iterator[tuple[int, Any]]:
    """Hand out chunks as results come back, and yield these."""
    waiting = iter(to_do.items())
    numbers: dict[Any, int] = {}
    running = distributed.as_completed(loop=client.loop)

    def hand_out() -> None:
        room = CHUNKS_FOR_EACH_THREAD * max(sum(client.ncores().values()), 1) - len(numbers)
        for _, (number, chunk) in zip(range(room), waiting, strict=False):
            future = client.submit(_run_there, name, identity(), *chunk, pure=False)
            numbers[future] = number
            running.add(future)

    hand_out()
    for future in running:
        result = future.result()
        yield numbers.pop(future), result
        future.release()
        hand_out()


# ---- on a worker -----------------------------------------------------------------------------------------------


def _run_there(name: str, expected: Identity, first: int, last: int) -> Any:
    """Run a chunk on a worker, with the function that was sent there."""
    import distributed

    worker: Any = distributed.get_worker()
    if reason := difference(expected, identity()):
        raise ClusterError(f"worker {worker.address} {reason}")
    return worker.plugins[name].function(first, last)


def difference(ours: Identity, theirs: Any) -> str:
    """Return how a worker differs, as the end of a sentence; nothing if it does not."""
    if isinstance(theirs, BaseException):
        return f"cannot use this version of edgeofcare ({theirs}). {SAME}"
    for what, here, there in zip(WHAT, ours, theirs, strict=True):
        if here != there:
            return f"has other {what} than this machine ({_seen(here, there)}), so its results could differ. {SAME}"
    return ""


SAME = "Install the same version and lock there."


def _seen(here: Any, there: Any) -> str:
    """Return two values that differ, or those of their entries that do."""
    if isinstance(here, str):
        return f"{there}, here {here}"
    ours = dict(here)
    return "; ".join(f"{name} {version}, here {ours.get(name)}" for name, version in there if ours.get(name) != version)


def _carrier(distributed: Any, function: Callable[..., Any]) -> Any:
    """Return a plugin that holds the function on every worker, those that join later included."""

    class Carrier(distributed.WorkerPlugin):  # type: ignore[misc]
        def __init__(self) -> None:
            self.function = function

    return Carrier()


# ---- connecting ------------------------------------------------------------------------------------------------


@contextmanager
def _connected(distributed: Any, address: str) -> Iterator[Any]:
    """Give a client of the scheduler at an address."""
    try:
        client = distributed.Client(address, timeout=TIMEOUT_SECONDS, set_as_default=False)
    # Dask asserts that its own thread has started within ten seconds, which a machine under load may not manage.
    except (OSError, ValueError, TypeError, TimeoutError, RuntimeError, AssertionError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(f"the cluster at {address} does not answer ({said}). Check the address and port.") from None
    try:
        yield client
    finally:
        client.close(timeout=TIMEOUT_SECONDS)


@contextmanager
def _local_cluster(distributed: Any, n_workers: int) -> Iterator[str]:
    """Give the address of a scheduler in this process with workers in processes of their own.

    The workers are started as commands, not forked or spawned from this program, so that plain scripts work too.
    """
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": LOST_WORKERS}):
        cluster = distributed.LocalCluster(
            n_workers=0, dashboard_address=None, protocol="tcp://", host="127.0.0.1", processes=True
        )
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        cluster.scheduler_address,
        "--nthreads",
        "1",
        "--no-dashboard",
        "--death-timeout",
        "60",
        "--host",
        "127.0.0.1",
    ]
    quiet, workers = subprocess.DEVNULL, []
    try:
        workers = [subprocess.Popen(command, stdout=quiet, stderr=quiet) for _ in range(n_workers)]
        yield str(cluster.scheduler_address)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(TIMEOUT_SECONDS)
        cluster.close()


def _check_workers(client: Any, address: str) -> None:
    """Raise ClusterError if there are no workers, or one of them differs."""
    try:
        client.wait_for_workers(1, timeout=3 * TIMEOUT_SECONDS)
    except TimeoutError:
        raise ClusterError(f"the scheduler at {address} has no workers. Start some: dask worker {address}.") from None
    for worker, there in client.run(identity, on_error="return").items():
        if reason := difference(identity(), there):
            raise ClusterError(f"worker {worker} {reason}")


def _forget(client: Any, name: str) -> None:
    """Take the function off the workers again, if they are still there."""
    with suppress(Exception):  # whatever happened to the cluster, the run is over
        client.unregister_worker_plugin(name)
