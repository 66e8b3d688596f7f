import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs.errors import UnfitMachineError
from powercut.faultfs.ground.campaign import check_machine

PREFIX = """
import json, os, sys
from tempfile import mkdtemp
from powercut.faultfs.ground import kernel
folder = os.environ["GROUND_FOLDER"]
kernel.enter_namespace()
kernel.mount("ground", folder, "tmpfs")
def tell(value): print(json.dumps(value))
"""


@pytest.fixture
def on_machine(tmp_path: Any) -> Callable[..., Any]:
    """Runs code as root in a mount namespace of its own, and gives what it tells; else skips."""

    def run(code: str, *file_systems: str) -> Any:
        for file_system in file_systems or ("ext4",):
            try:
                check_machine(file_system)
            except UnfitMachineError as error:
                pytest.skip(str(error))
        done = subprocess.run(
            [sys.executable, "-c", PREFIX + code],
            capture_output=True,
            text=True,
            check=False,
            env={"GROUND_FOLDER": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **_python_path()},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(filter(None, sys.path))}
