"""Clusters: the executor of somebody's cluster of Dask, for the chunks of a gate and for readings of states.

    --executor dask:ADDRESS     the address of a scheduler, as `tcp://10.0.0.1:8786`

Nothing is started here: scheduler and workers are run as Dask's documentation says, each worker with one
thread, for chunks and readers take a process for themselves.

Invariants
  1  every call runs in a process whose powercut has the same sources as this one, else it raises ClusterError
  2  Python, dask and distributed are the same release everywhere when it is opened, or it is not opened
  3  a call whose worker is lost is made again by the cluster: what is called is a function of its arguments

Source: distributed, `Client.get_executor`.
Threads: as the executor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from ..errors import HarnessError
from ..finders.lasting import Lasting, lasting

__all__ = ["Cluster", "ClusterError", "cluster_at", "digest_of_sources"]

P = ParamSpec("P")
T = TypeVar("T")
_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("engine", "faultfs", "verifier")
_RELEASES: Final = ("dask", "distributed")
_SECONDS: Final = 10  # In which a scheduler has to answer.
_kept: Lasting = {}  # Of a worker's process: what its chunks leave to the ones after them.


class ClusterError(HarnessError):
    """A cluster that cannot be reached, or that another powercut is a part of."""


class Cluster(Executor):
    """An executor whose calls run on a cluster; `jobs` is how many run at once."""

    def __init__(self, executor: Executor, jobs: int) -> None:
        self.jobs = jobs
        self._executor = executor
        self._digest = digest_of_sources()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Make the call on some worker."""
        return self._executor.submit(_call, self._digest, fn, args, kwargs)


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """The cluster of a scheduler of Dask. Raises ClusterError where it cannot be used."""
    try:
        make: Any = import_module("distributed").Client
    except ImportError:
        raise ClusterError("dask is not there: pip install 'powercut[cluster]'") from None
    try:
        client = make(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(f"no scheduler answers at {address}: {error}") from None
    with client:
        _check_releases(client.get_versions())
        threads = client.nthreads()
        if many := [name for name, count in threads.items() if count != 1]:
            raise ClusterError(f"worker {many[0]} has {threads[many[0]]} threads: --nthreads 1 is needed")
        _check_sources(client)
        with client.get_executor(pure=False) as executor:
            yield Cluster(executor, len(threads))


def _check_releases(versions: dict[str, Any]) -> None:
    """Refuse another release of what carries the calls. Invariant 2."""
    ours = _releases(versions["client"])
    if not versions["workers"]:
        raise ClusterError("the cluster has no worker")
    others = {"the scheduler": versions["scheduler"]}
    others |= {f"worker {name}": each for name, each in versions["workers"].items()}
    for who, each in others.items():
        theirs = _releases(each)
        for what, release in ours.items():
            if theirs.get(what) != release:
                raise ClusterError(f"{who} has {what} {theirs.get(what)}, this process {release}")


def _releases(told: dict[str, Any]) -> dict[str, str]:
    host, packages = dict(told["host"]), dict(told["packages"])
    python = ".".join(str(host["python"]).split(".")[:2])
    return {"Python": python, **{name: str(packages.get(name)) for name in _RELEASES}}


def _check_sources(client: Any) -> None:
    """Refuse workers with other sources, or none, of powercut. Invariant 1."""
    try:
        found = client.run(digest_of_sources, on_error="return")
    except Exception as error:  # noqa: BLE001 (whatever the cluster says of it)
        raise ClusterError(f"a worker cannot import powercut: {error}") from None
    for name, digest in found.items():
        if isinstance(digest, BaseException):
            raise ClusterError(f"worker {name} cannot import powercut: {digest}")
        if digest != digest_of_sources():
            raise ClusterError(f"worker {name} has other sources of powercut than this process")


@cache
def digest_of_sources() -> str:
    """A digest of every module of the package that is installed here."""
    state = hashlib.blake2b(digest_size=16)
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            state.update(f"{path.relative_to(_ROOT)}\0".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def _call(digest: str, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """In a worker: make the call, if it is the same powercut. Invariant 1: workers may come later, too."""
    if digest != digest_of_sources():
        raise ClusterError("a worker has other sources of powercut than who asked for its work")
    with lasting(_kept):
        return function(*args, **kwargs)
