"""The manifests: built by kustomize, valid for the API, and run as little privileged as they say."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter import __version__, config
from exporter.cli import cli
from tests.deploy.manifests import kustomized, of_the_operator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
PAGE = ROOT / "docs/install.md"
BUILDS = ["base", "overlays/sharded", "overlays/prometheus-operator"]
RELEASES = ["1.29", "1.37"]  # the oldest that clouds still run, and the newest that the schemas know
OPERATOR = "monitoring.coreos.com/v1"
COMMON = {"ConfigMap", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"}
KINDS = {
    "base": COMMON | {"Deployment"},
    "overlays/sharded": COMMON | {"StatefulSet"},
    "overlays/prometheus-operator": COMMON | {"Deployment", "PrometheusRule", "ServiceMonitor"},
}


@pytest.fixture(scope="module", params=BUILDS)
def build(request: pytest.FixtureRequest) -> tuple[str, dict[str, dict[str, Any]]]:
    """Build a kustomization; gives its name and its objects by kind."""
    objects = kustomized(FOLDER / request.param)
    by_kind = {one["kind"]: one for one in objects}
    assert len(by_kind) == len(objects)
    return request.param, by_kind


def test_objects_are_valid(build: tuple[str, dict[str, dict[str, Any]]]) -> None:
    """The API's own schemas, strictly: an unknown field is an error. Prometheus Operator's have their own."""
    name, objects = build
    assert set(objects) == KINDS[name]
    for one in objects.values():
        if one["apiVersion"] != OPERATOR:
            for release in RELEASES:
                kubernetes_validate.validate(one, release, strict=True)
    theirs = [one for one in objects.values() if one["apiVersion"] == OPERATOR]
    assert of_the_operator(theirs) == [None] * len(theirs)


def test_a_mistake_would_be_found(build: tuple[str, dict[str, dict[str, Any]]]) -> None:
    """The validators do validate."""
    policy = copy.deepcopy(build[1]["NetworkPolicy"])
    policy["spec"]["engress"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="engress"):
        kubernetes_validate.validate(policy, RELEASES[-1], strict=True)
    bad = {
        "apiVersion": OPERATOR,
        "kind": "ServiceMonitor",
        "spec": {"selector": {}, "endpoints": [{"port": 1}]},
    }
    assert of_the_operator([bad]) == ["data/spec/endpoints/0/port must be string"]


def pod(objects: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the pod's specification, and its only container."""
    (kind,) = {"Deployment", "StatefulSet"} & set(objects)
    spec = objects[kind]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def test_pods_can_do_nothing_but_run(build: tuple[str, dict[str, dict[str, Any]]]) -> None:
    """As Kubernetes's restricted profile demands, and the file system is read-only beside."""
    spec, container = pod(build[1])
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)


def test_pods_run_what_there_is(build: tuple[str, dict[str, dict[str, Any]]], tmp_path: Path) -> None:
    """Arguments are accepted, the configuration is valid, volumes are mounted, and ports and paths are the server's."""
    _, objects = build
    spec, container = pod(objects)
    assert container["image"] == f"acm-exporter:{__version__}"
    command, *options = container["args"]
    given = cli.commands[command].make_context(command, options).params
    assert str(given["config_file"]) == "/etc/acm-exporter/acm-exporter.yaml"
    (name,) = objects["ConfigMap"]["data"]
    (tmp_path / name).write_text(objects["ConfigMap"]["data"][name])
    assert config.load(tmp_path / name, {}).aws.accounts[0].regions == ("us-east-1",)
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts == {"configuration": "/etc/acm-exporter", "state": "/var/lib/acm-exporter"}
    assert not any("subPath" in one for one in container["volumeMounts"])
    claims = objects.get("StatefulSet", {}).get("spec", {}).get("volumeClaimTemplates", [])
    assert {one["name"] for one in spec["volumes"]} | {one["metadata"]["name"] for one in claims} == set(
        mounts
    )
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {
        "livenessProbe": {"path": "/-/healthy", "port": "metrics"},
        "readinessProbe": {"path": "/-/ready", "port": "metrics"},
    }
    if workload := objects.get("StatefulSet"):
        assert given["shard_total"] == workload["spec"]["replicas"]
        assert workload["spec"]["serviceName"] == objects["Service"]["metadata"]["name"]


def test_everything_means_the_same_pods(build: tuple[str, dict[str, dict[str, Any]]]) -> None:
    """Service, policy, budget and monitor select the labels that the pods have, in one namespace."""
    _, objects = build
    (kind,) = {"Deployment", "StatefulSet"} & set(objects)
    labels = objects[kind]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        objects[kind]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    places = {one["metadata"].get("namespace", one["metadata"]["name"]) for one in objects.values()}
    assert places == {"acm-exporter"}
    if monitor := objects.get("ServiceMonitor"):
        assert monitor["spec"]["selector"]["matchLabels"] == objects["Service"]["metadata"]["labels"]
        job = objects["Service"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        assert job == "acm-exporter"  # as alerts and dashboards have it


def test_the_rules_are_those_that_are_shipped() -> None:
    """`make grafana` makes both."""
    shipped = yaml.safe_load((ROOT / "grafana/alerts/acm-exporter.yaml").read_text())
    file = FOLDER / "components/prometheus-operator/prometheusrule.yaml"
    made = subprocess.run(
        [ROOT / "deploy/kubernetes-rules"], capture_output=True, text=True, check=True
    ).stdout
    assert file.read_text() == made
    assert yaml.safe_load(made)["spec"] == shipped


def test_a_kustomization_of_ones_own_as_the_page_has_it(tmp_path: Path) -> None:
    """Both components go together, with another image, role and configuration."""
    (block,) = re.findall(r"```yaml\n# kustomization.yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    shutil.copytree(FOLDER, tmp_path / "acm-exporter/deploy/kubernetes")
    (tmp_path / "kustomization.yaml").write_text(block)
    (tmp_path / "acm-exporter.yaml").write_text("domains: [www.example.com]\n")
    objects = {one["kind"]: one for one in kustomized(tmp_path)}
    assert set(objects) == COMMON | {"StatefulSet", "PrometheusRule", "ServiceMonitor"}
    assert pod(objects)[1]["image"] == f"registry.example.com/acm-exporter:{__version__}"
    assert objects["ConfigMap"]["data"] == {"acm-exporter.yaml": "domains: [www.example.com]\n"}
    role = "arn:aws:iam::222222222222:role/acm-exporter"
    assert objects["ServiceAccount"]["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
