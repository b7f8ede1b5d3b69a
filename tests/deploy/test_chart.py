"""The Helm chart: what becomes of it, and whether Kubernetes and syncd understand that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd import __version__
from syncd.config.load import load_config
from syncd.registry import connector_type
from syncd.service.shutdown import LIMIT_S
from tests.deploy.tools import DEPLOY, fails, run

CHART = DEPLOY / "helm/syncd"
SOURCE = {
    "name": "handbook",
    "connector": "git",
    "url": "https://github.com/acme/handbook.git",
    "import_source": {"url": "https://handbook.acme.com"},
}
SHARED = "postgresql://syncd:${DATABASE_PASSWORD}@db/syncd"

FORMS: Mapping[str, dict[str, Any]] = {
    "sqlite": {"config": {"sources": [SOURCE]}},
    "postgres": {
        "config": {"sources": [SOURCE], "state": SHARED, "service": {"hosts": ["syncd.acme.com"]}},
        "secret": {"variables": {"DATABASE_PASSWORD": "database-password"}},
        "replicas": 3,
        "networkPolicy": {
            "egress": [
                {
                    "to": [{"podSelector": {"matchLabels": {"app": "db"}}}],
                    "ports": [{"port": 5432, "protocol": "TCP"}],
                }
            ]
        },
    },
    "cronjob": {"config": {"sources": [SOURCE]}, "mode": "cronjob", "schedule": "5 * * * *"},
    "all": {
        "config": {"sources": [SOURCE]},
        "imagePullSecrets": [{"name": "registry"}],
        "persistence": {"existingClaim": "mine"},
        "podAnnotations": {"a/b": "c"},
        "podLabels": {"team": "docs"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "extraVolumes": [{"name": "exports", "persistentVolumeClaim": {"claimName": "exports"}}],
        "extraVolumeMounts": [{"name": "exports", "mountPath": "/exports", "readOnly": True}],
    },
}


def render(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifests of a release by kind; skip the test without Helm."""
    helm = pytest.importorskip("helm_python", reason="no helm-python-sdk: make test-deploy installs it")
    with helm.Chart.load(CHART) as chart:
        texts = chart.render(values=dict(values), name="syncd", namespace="docs")
    documents = [
        each
        for name, text in texts.items()
        if name.endswith(".yaml")
        for each in yaml.safe_load_all(text)
        if each
    ]
    return {each["kind"]: each for each in documents}


def pod_of(manifests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if "CronJob" in manifests:
        pod: dict[str, Any] = manifests["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    else:
        pod = manifests["Deployment"]["spec"]["template"]["spec"]
    return pod


def test_helm_is_content() -> None:
    """Strictly, with values as somebody would give them."""
    chart = pytest.importorskip(
        "helm_python.chart", reason="no helm-python-sdk: make test-deploy installs it"
    )
    for values in FORMS.values():
        assert chart.lint(CHART, values, strict=True)["errors"] == []


@pytest.mark.parametrize("form", FORMS)
def test_kubernetes_understands_each_form(form: str, tmp_path: Path) -> None:
    """Strictly, so that a field that is misspelt is one too many."""
    manifests = render(FORMS[form])
    for kind, manifest in manifests.items():
        file = tmp_path / f"{kind}.yaml"
        file.write_text(yaml.safe_dump(manifest), encoding="utf-8")
        run("kubernetes-validate", "--strict", "--no-warn", file)
    pod_of(manifests)["containers"][0]["livenesProbe"] = {}
    file = tmp_path / "misspelt.yaml"
    file.write_text(yaml.safe_dump(manifests.get("CronJob") or manifests["Deployment"]), encoding="utf-8")
    assert fails("kubernetes-validate", "--strict", "--no-warn", file)


@pytest.mark.parametrize("form", FORMS)
def test_pods_fit_the_restricted_standard(form: str) -> None:
    """Kubernetes' Pod Security Standards, "restricted", and a root that is read-only."""
    pod = pod_of(render(FORMS[form]))

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    allowed = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}
    assert all(set(volume) - {"name"} <= allowed for volume in pod["volumes"])
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert {"name", "value"} >= {key for variable in container.get("env", []) for key in variable}
    assert pod["terminationGracePeriodSeconds"] > LIMIT_S


def test_a_file_has_one_owner() -> None:
    """SQLite: one pod, and the old one ends before the new one begins; its volume outlives the release."""
    manifests = render(FORMS["sqlite"])

    assert manifests["Deployment"]["spec"]["replicas"] == 1
    assert manifests["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    claim = manifests["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    with pytest.raises(Exception, match="more than one machine needs PostgreSQL"):
        render({**FORMS["sqlite"], "replicas": 2})


def test_many_share_postgres() -> None:
    """No volume, several pods, and the password as a file."""
    manifests = render(FORMS["postgres"])
    [container] = pod_of(manifests)["containers"]

    assert manifests["Deployment"]["spec"]["replicas"] == 3
    assert "PersistentVolumeClaim" not in manifests
    assert container["env"] == [
        {"name": "DATABASE_PASSWORD_FILE", "value": "/run/secrets/syncd/database-password"}
    ]
    assert manifests["NetworkPolicy"]["spec"]["egress"][-1]["ports"] == [{"port": 5432, "protocol": "TCP"}]


def test_jobs_do_not_overlap() -> None:
    """And a hold does not make one be tried again and again."""
    spec = render(FORMS["cronjob"])["CronJob"]["spec"]

    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 300
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"] == ["sync"]


@pytest.mark.parametrize("form", FORMS)
def test_rendered_configuration_is_one(form: str, tmp_path: Path) -> None:
    """What the chart fills in and what somebody says become a configuration that syncd takes."""
    manifests = render(FORMS[form])
    file = tmp_path / "config.yaml"
    file.write_text(manifests["ConfigMap"]["data"]["config.yaml"], encoding="utf-8")

    config = load_config(
        file,
        environ={"DATABASE_PASSWORD": "secret"},
        settings_model=lambda name: connector_type(name).settings,
    )

    assert str(config.intercom.token_file) == "/run/secrets/syncd/intercom-token"
    assert [source.name for source in config.sources] == ["handbook"]
    if form == "postgres":
        assert config.service.hosts[-1] == "syncd.acme.com"
    if form != "cronjob":
        assert config.service.hosts[0] == manifests["Service"]["metadata"]["name"]
        [container] = pod_of(manifests)["containers"]
        assert container["ports"][0]["containerPort"] == config.service.address[1]
        for probe, path in (
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
            ("startupProbe", "/livez"),
        ):
            assert container[probe]["httpGet"] == {"path": path, "port": "http"}


def test_network_is_closed_but_for_what_is_needed() -> None:
    """Out: names, and public addresses on the port of HTTPS; in: pods of the same namespace."""
    policy = render(FORMS["sqlite"])["NetworkPolicy"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443}
    assert "169.254.0.0/16" in policy["egress"][1]["to"][0]["ipBlock"]["except"]
    assert policy["ingress"][0]["from"] == [{"podSelector": {}}]


@pytest.mark.parametrize(
    "values",
    [{}, {"config": {"sources": []}}, {**FORMS["sqlite"], "replcas": 2}, {**FORMS["sqlite"], "mode": "x"}],
)
def test_values_that_will_not_do(values: dict[str, Any]) -> None:
    """The chart's own schema refuses them before anything is installed."""
    with pytest.raises(Exception, match=r"schema|specifications"):
        render(values)


def test_chart_is_of_this_version() -> None:
    """The image that it takes is the one that belongs to it."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
