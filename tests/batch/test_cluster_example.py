"""The manifest for KubeRay agrees with itself, with the program, and with the page about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from captioner.batch.cluster_ray import checked
from captioner.cli.transcribe import transcribe

ROOT = Path(__file__).resolve().parents[2]
Manifest = dict[str, Any]


@pytest.fixture
def manifests() -> dict[str, Manifest]:
    """By kind; of the policies, the one of the cluster."""
    text = (ROOT / "examples" / "raycluster.yaml").read_text(encoding="utf-8")
    return {each["kind"]: each for each in reversed(list(yaml.safe_load_all(text)))}


def container(template: Manifest) -> Manifest:
    [only] = template["spec"]["containers"]
    found: Manifest = only
    return found


def test_the_command_of_the_job_exists_and_leads_to_the_cluster(
    manifests: dict[str, Manifest],
) -> None:
    command, _, *flags = container(manifests["Job"]["spec"]["template"])["args"]
    assert command == transcribe.name
    known = {option for parameter in transcribe.params for option in parameter.opts}
    given = dict(flag.split("=") for flag in flags)
    assert set(given) <= known
    name = manifests["RayCluster"]["metadata"]["name"]
    assert checked(given["--cluster"]) == f"ray://{name}-head-svc:10001"


def test_the_job_and_the_nodes_have_the_same_volumes_at_the_same_paths(
    manifests: dict[str, Manifest],
) -> None:
    [workers] = manifests["RayCluster"]["spec"]["workerGroupSpecs"]
    on_nodes, of_job = (
        {
            mount["mountPath"]: volumes["persistentVolumeClaim"]["claimName"]
            for mount in container(template)["volumeMounts"]
            for volumes in template["spec"]["volumes"]
            if volumes["name"] == mount["name"]
        }
        for template in (workers["template"], manifests["Job"]["spec"]["template"])
    )
    assert on_nodes == {"/models": "captioner-models", "/recordings": "recordings"}
    assert of_job == on_nodes | {"/transcripts": "transcripts"}


def test_the_token_is_asked_for_and_the_dashboard_and_statistics_are_off(
    manifests: dict[str, Manifest],
) -> None:
    spec = manifests["RayCluster"]["spec"]
    secret = spec["authOptions"]["secretName"]
    assert spec["authOptions"]["mode"] == "token"
    [token] = [
        each["valueFrom"]["secretKeyRef"]
        for each in container(manifests["Job"]["spec"]["template"])["env"]
        if each["name"] == "RAY_AUTH_TOKEN"
    ]
    assert token == {"name": secret, "key": "auth_token"}
    head = spec["headGroupSpec"]
    assert head["rayStartParams"]["include-dashboard"] == "false"
    groups = [head, *spec["workerGroupSpecs"]]
    for group in groups:
        variables = container(group["template"])["env"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in variables


def test_each_probe_asks_a_port_that_ray_was_told_to_use(manifests: dict[str, Manifest]) -> None:
    spec = manifests["RayCluster"]["spec"]
    [workers] = spec["workerGroupSpecs"]
    for kind in ("readinessProbe", "livenessProbe"):
        assert container(spec["headGroupSpec"]["template"])[kind]["tcpSocket"]["port"] == 6379
        port = container(workers["template"])[kind]["tcpSocket"]["port"]
        assert str(port) == workers["rayStartParams"]["node-manager-port"]


def test_the_policy_is_that_of_the_cluster_and_lets_only_the_job_in(
    manifests: dict[str, Manifest],
) -> None:
    policy = manifests["NetworkPolicy"]["spec"]
    ours = {"matchLabels": {"ray.io/cluster": manifests["RayCluster"]["metadata"]["name"]}}
    job = {"matchLabels": manifests["Job"]["spec"]["template"]["metadata"]["labels"]}
    assert policy["podSelector"] == ours
    assert [rule["from"] for rule in policy["ingress"]] == [
        [{"podSelector": ours}],
        [{"podSelector": job}],
    ]
