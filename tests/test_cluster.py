"""Beyond one machine: the same bits from real worker processes, one of them killed; and what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import edgeofcare as eoc
from edgeofcare.engine import cluster as cluster_module
from edgeofcare.engine.cluster import difference, identity
from edgeofcare.errors import ClusterError
from edgeofcare.inputs.schema import Scenario
from edgeofcare.provenance import PACKAGE
from edgeofcare.results import plain
from edgeofcare.walk import Run
from helpers import small

pytest.importorskip("distributed")

HOST = "127.0.0.1"
REPLICATIONS = 160  # of the reference engine, 10 a chunk: nothing has to be compiled in the workers
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://{HOST}:{self.port}"
        self.scheduler = self.start("dask_scheduler", "--host", HOST, "--port", str(self.port))
        while not self.answers():
            time.sleep(0.05)

    def answers(self) -> bool:
        assert self.scheduler.poll() is None, "the scheduler did not start"
        with socket.socket() as caller:
            return caller.connect_ex((HOST, self.port)) == 0

    def start(self, what: str, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{what}", *options, "--no-dashboard"]
        process = subprocess.Popen(command, env={**os.environ, **environment}, **QUIET)
        self.processes.append(process)
        return process

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self.start("dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--host", HOST, **environment)

    def wait_for(self, n_workers: int) -> None:
        import distributed

        with distributed.Client(self.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=30)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(10)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """A scenario with outer draws that differ in the calibration sample, so that draws are made on the workers."""
    return small()


@pytest.fixture(scope="module")
def here(scenario: Scenario) -> Run:
    return run(scenario, workers=1)


def run(scenario: Scenario, **options: Any) -> Run:
    return eoc.run(scenario, replications=REPLICATIONS, seed=3, engine="reference", **options)


def assert_same(a: Run, b: Run) -> None:
    for name, table in a.tables.by_name().items():
        assert_frame_equal(table, b.tables.by_name()[name], check_exact=True)
    assert plain(a.summary) == plain(b.summary)


def at_replication(n: int, act: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a progress callback that acts once when so many replications are done, and before all are."""
    acted = []

    def progress(done: int, of: int) -> None:
        if n <= done < of and not acted:
            acted.append(done)
            act()

    progress.acted = acted  # type: ignore[attr-defined]
    return progress


def test_a_worker_killed_in_mid_run_changes_no_bit(cluster: Cluster, scenario: Scenario, here: Run) -> None:
    """Two worker processes; one gets SIGKILL once some chunks are back, while it holds others."""
    doomed, _ = cluster.worker(), cluster.worker()
    cluster.wait_for(2)
    progress = at_replication(20, lambda: doomed.send_signal(signal.SIGKILL))
    there = run(scenario, cluster=cluster.address, progress=progress)
    assert progress.acted and doomed.wait(10) == -signal.SIGKILL  # type: ignore[attr-defined]
    assert_same(here, there)


def test_workers_started_for_the_run_give_the_bits_of_threads(capfd: pytest.CaptureFixture[str]) -> None:
    """`local`, the kernel, outer draws that are solved on the workers; nothing is printed."""
    unsure = small().model_copy(update={"origins": eoc.load("pan_london").origins, "correlations": ()})
    kept = ("child.", "therapies.mst.", "care.stay.", "costs.set_up_gbp")
    unsure = unsure.model_copy(
        update={"origins": {path: o for path, o in unsure.origins.items() if path.startswith(kept)}}
    )
    options: dict[str, Any] = {"replications": 1200, "seed": 4, "outer_draws": 6, "workers": 2}
    threads = eoc.run(unsure, **options)
    capfd.readouterr()
    local = eoc.run(unsure, cluster="local", **options)
    assert_same(threads, local)
    assert capfd.readouterr() == ("", "")


def test_local_works_in_a_plain_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import edgeofcare as eoc\nfrom helpers import small\n"
        "run = eoc.run(small(), replications=40, engine='reference', cluster='local', workers=1)\n"
        "print(len(run.replications))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("40\n", 0), done.stderr


def test_a_worker_with_other_sources_is_refused(cluster: Cluster, scenario: Scenario, tmp_path: Path) -> None:
    """A copy of the package that differs in one comment."""
    shutil.copytree(PACKAGE, tmp_path / "edgeofcare", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "edgeofcare" / "calendar.py").open("a") as file:
        file.write("# One comment more.\n")
    other = cluster.worker(PYTHONPATH=str(tmp_path))
    cluster.wait_for(1)
    with pytest.raises(ClusterError, match=r"worker tcp://.* has other sources than this machine .*Install the same"):
        run(scenario, cluster=cluster.address)
    assert other.poll() is None


def test_a_scheduler_lost_in_mid_run_is_a_clear_error(cluster: Cluster, scenario: Scenario) -> None:
    cluster.worker()
    cluster.wait_for(1)
    progress = at_replication(20, cluster.scheduler.kill)
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"was lost .*What was finished is kept with --out; continue with --resume"):
        run(scenario, cluster=cluster.address, progress=progress)
    assert time.monotonic() - started < 60


def test_a_scheduler_without_workers(cluster: Cluster, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "TIMEOUT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"has no workers\. Start some: dask worker tcp://"):
        run(scenario, cluster=cluster.address)


@pytest.mark.parametrize("address", [f"tcp://{HOST}:9", "nonsense", "tcp://", "http://x:1", "tls://127.0.0.1:9", ""])
def test_a_cluster_that_does_not_answer(scenario: Scenario, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "TIMEOUT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"does not answer .*Check the address and port"):
        run(scenario, cluster=address)


def test_without_the_extra_it_says_what_to_install(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"needs Dask: pip install 'edgeofcare\[cluster\]'"):
        run(scenario, cluster="local")


def test_what_differs_is_named() -> None:
    ours = identity()
    assert difference(ours, ours) == ""
    sources, platform, libraries = ours
    assert "other sources" in difference(ours, ("0" * 16, platform, libraries))
    assert "other platform" in difference(ours, (sources, "Linux aarch64 glibc 2.36", libraries))
    newer = tuple((name, "9.9") if name == "numpy" else (name, v) for name, v in libraries)
    assert "other libraries than this machine (numpy 9.9, here " in difference(ours, (sources, platform, newer))
    said = difference(ours, ModuleNotFoundError("No module named 'edgeofcare'"))
    assert said.startswith("cannot use this version of edgeofcare (No module named 'edgeofcare')")
