"""Beyond one machine: chunks on a Dask cluster. In: an address, a pure function of a chunk. Out: results as they come.

Must not know: what a chunk is. A chunk lost with its worker is run again by Dask; results are the same bits wherever
they are made, which is why workers with other sources or on another platform are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from edgeofcare.errors import ClusterError
from edgeofcare.provenance import library_versions, platform_name, source_hash

TIMEOUT_SECONDS = "10s"
LOST_WORKERS = 10  # workers that may die under one chunk before the run gives up


def identity() -> tuple[str, str, tuple[tuple[str, str], ...]]:
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
        import dask
        import distributed
    except ImportError:
        raise ClusterError("--cluster needs Dask: pip install 'edgeofcare[cluster]'.") from None
    dask.config.set({"distributed.scheduler.allowed-failures": LOST_WORKERS})
    local = None
    if address == "local":
        local = distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=None, protocol="tcp://", host="127.0.0.1"
        )
    try:
        client = distributed.Client(local or address, timeout=TIMEOUT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"the cluster at {address} does not answer ({error}). Check the address and port.") from None
    try:
        _check_workers(client, address)
        futures = {client.submit(function, *chunk, pure=False): i for i, chunk in to_do.items()}
        for future in distributed.as_completed(futures):
            yield futures[future], future.result()
            future.release()
    except distributed.KilledWorker as error:
        raise ClusterError(f"too many workers of {address} died under one chunk ({error}). What was finished is kept "
                           f"with --out; continue with --resume.") from None  # fmt: skip
    finally:
        client.close()
        if local is not None:
            local.close()


def _check_workers(client: Any, address: str) -> None:
    workers = client.run(identity)
    if not workers:
        raise ClusterError(f"the scheduler at {address} has no workers. Start some: dask worker {address}.")
    here = identity()
    for worker, there in workers.items():
        for what, ours, theirs in zip(("sources", "platform", "libraries"), here, there, strict=True):
            if ours != theirs:
                raise ClusterError(
                    f"worker {worker} has other {what} than this machine, so its results could differ. Install the "
                    f"same version and lock there."
                )
