"""A cluster: the same verdict and figures as here, a lost worker's chunk done again, others refused.

What needs dask is skipped where it is not there (extra `cluster`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest

from powercut.faultfs import FaultDevice, Law
from powercut.verifier.cli.arguments import elsewhere
from powercut.verifier.cli.errors import UsageError
from powercut.verifier.finders.coverage import Coverage
from powercut.verifier.gate import chunks as chunks_of_gate
from powercut.verifier.gate import run_gate
from powercut.verifier.gate.chunks import Deadline, Result, Until
from powercut.verifier.gate.cluster import Cluster, ClusterError, _check_releases, cluster_at
from powercut.verifier.gate.profile import Profile, load_profile
from powercut.verifier.gate.workers import Workers
from powercut.verifier.programs.exploring import suite
from powercut.verifier.programs.exploring.asked import Readings
from powercut.verifier.programs.exploring.search import Wanted, explore
from powercut.verifier.programs.reading.readers import Command

RELEASES = {"host": {"python": "3.12.1.final.0"}, "packages": {"dask": "2", "distributed": "2"}}


def test_a_call_by_other_sources_is_refused() -> None:
    with ThreadPoolExecutor(1) as pool:
        cluster = Cluster(pool, 1)
        assert cluster.submit(divmod, 7, 2).result() == (3, 1)
        cluster._digest = "another"
        with pytest.raises(ClusterError, match="other sources of powercut"):
            cluster.submit(divmod, 7, 2).result()


@pytest.mark.parametrize("where", ["dask:", "dask", "10.0.0.1:8786", "ray:10.0.0.1"])
def test_a_cluster_of_another_kind_is_a_usage_error(where: str) -> None:
    with pytest.raises(UsageError, match="expected dask:ADDRESS"), elsewhere(where, None):
        pass


def test_where_dask_is_not_there_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'powercut\[cluster\]'"), elsewhere("dask:x:1", 1):
        pass


@pytest.mark.parametrize(
    ("who", "what", "other", "told"),
    [
        (
            "scheduler",
            "host",
            {"python": "3.11.9.final.0"},
            "the scheduler has Python 3.11",
        ),
        ("workers", "packages", {"dask": "3", "distributed": "2"}, "worker w has dask 3"),
        ("workers", "packages", {"dask": "2"}, "worker w has distributed None"),
    ],
)
def test_other_releases_are_refused(who: str, what: str, other: object, told: str) -> None:
    versions: dict[str, Any] = {"client": RELEASES, "scheduler": RELEASES, "workers": {"w": RELEASES}}
    _check_releases(versions)
    changed = {**RELEASES, what: other}
    versions[who] = {"w": changed} if who == "workers" else changed
    with pytest.raises(ClusterError) as refused:
        _check_releases(versions)
    assert str(refused.value).partition(", this process")[0] == told
    with pytest.raises(ClusterError, match="no worker"):
        _check_releases({"client": RELEASES, "scheduler": RELEASES, "workers": {}})


def test_a_deadline_counts_by_the_clock_of_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Until.of(monotonic() + 50)
    assert told.here() == Deadline(told.at)
    far = Until.of(monotonic() + 50)._replace(at=-1e9, clock="of another machine")
    assert 40 < far.here().left <= 50
    monkeypatch.setattr(chunks_of_gate, "monotonic", lambda: 1e9)
    assert 40 < far.here().at - 1e9 <= 50


def _explored(root: Path, **how: Any) -> tuple[Any, ...]:
    """The figures of a program, with how many readings were made; the readings are these."""
    start = FaultDevice(record_reads=False)
    start.create("f")
    start.write("f", 0, b"O" * 900)
    device = FaultDevice(start.image(), record_reads=False)
    device.mark("step", b"0")
    for call in ("write f 0 N*900", "create g", "write g 0 N*2000"):
        what, path, *rest = call.split()
        suite._CALLS[what](device, path, *rest)
    device.mark("done", b"0")
    recording = suite._recording(device.trace.initial, device, str(root))
    command = Command(("cat", f"{root}/f"), "/", calls=3000, processor=2, clock=20.0)
    with Readings(recording, command, **how) as readings:
        found = explore(recording, readings, Wanted(Law.POSIX))
        return found.states, found.judged, dict(found.counts), readings.made, readings.notes


def test_readings_elsewhere_are_those_here(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    here = _explored(root)
    with ThreadPoolExecutor(1) as pool:  # One call at a time in a process.
        assert _explored(root, executor=Cluster(pool, 2), jobs=2) == here
    assert here[0] > here[3] > 4


# ---- with dask


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a scheduler with two workers on this machine."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", protocol="tcp"
    )
    with cluster:
        yield cluster.scheduler_address


def _lethal(path: str, count: int) -> list[Any]:
    """Chunks, of which number 1 kills its worker the first time. Their class goes along: no worker has it."""

    @dataclass(frozen=True)
    class Lethal:
        number: int

        def run(self, deadline: Deadline) -> Result:
            if self.number == 1 and not os.path.exists(path):
                Path(path).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return Result(Coverage(programs=self.number))

    return [Lethal(number) for number in range(count)]


def test_a_lost_workers_chunk_is_done_again(address: str, tmp_path: Path) -> None:
    path = str(tmp_path / "killed")
    with cluster_at(address) as cluster, Workers(cluster.jobs, cluster) as workers:
        told = workers.results(_lethal(path, 5))
        counts = [result.coverage.programs for _, result in told if isinstance(result, Result)]
    assert counts == [0, 1, 2, 3, 4]
    assert os.path.exists(path)


def test_a_gate_says_the_same_on_a_cluster(address: str) -> None:
    plan = load_profile("ci").programs
    assert plan is not None
    names = ("replace", "folder", "told")
    few = Profile("few", programs=msgspec.structs.replace(plan, names=names, floor={}))

    def gate(**how: Any) -> dict[str, Any]:
        report = run_gate(few, **how)
        told = msgspec.to_builtins(report.stages["programs"])
        return {"exit": report.exit, **{key: told[key] for key in told.keys() - {"seconds", "cpu_seconds"}}}

    alone = gate(jobs=1)
    assert (alone["programs"], alone["violations"], alone["failures"]) == (3, [], [])
    assert gate(jobs=2) == alone
    with cluster_at(address) as cluster:
        assert gate(jobs=cluster.jobs, executor=cluster) == alone


def test_an_exploration_says_the_same_on_a_cluster(address: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    alone = _explored(root)
    assert _explored(root, jobs=2) == alone
    with cluster_at(address) as cluster:
        assert _explored(root, executor=cluster, jobs=2) == alone


def test_workers_with_threads_and_other_sources_are_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: Any = pytest.importorskip("distributed").LocalCluster
    threaded = make(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0")
    refused = pytest.raises(ClusterError, match="has 2 threads")
    with threaded, refused, cluster_at(threaded.scheduler_address):
        pass
    monkeypatch.setattr("powercut.verifier.gate.cluster.digest_of_sources", lambda: str(os.getpid()))
    with pytest.raises(ClusterError, match="has other sources of powercut"), cluster_at(address):
        pass
    with pytest.raises(ClusterError, match="no scheduler answers"), cluster_at("tcp://127.0.0.1:9"):
        pass
