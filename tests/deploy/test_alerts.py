"""Alert rules and dashboard: read by Prometheus' own tool, and about metrics that the product has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Workplace
from tests.deploy.tools import DEPLOY, fails, run
from tests.flow.daemon import TOKEN, Daemon

RULES = DEPLOY / "prometheus/rules.yaml"
DASHBOARD = json.loads((DEPLOY / "grafana/syncd.json").read_text(encoding="utf-8"))
RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")

_METRIC = re.compile(r"\b(?:syncd|process)_[a-z0-9_]+")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[str]:
    """What the dashboard asks, its variables filled in."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$source", ".*")


@pytest.fixture
def exposition(workplace: Workplace) -> str:
    """What a service tells that has published and changed a page."""
    workplace.write({"a.md": "# A\n\nText.\n", "bad.md": b"\xff"})
    workplace.sync()
    workplace.write({"a.md": "# A\n\nOther text.\n"})
    with Daemon(workplace) as daemon:
        daemon.ask("POST", "/api/runs", b'{"sources": []}', Authorization=f"Bearer {TOKEN}")
        daemon.event("run_finished")
        status, _, body = daemon.ask("GET", "/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    return body.decode()


def test_promtool_reads_the_rules(tmp_path: Path) -> None:
    """And the queries of the dashboard, as if they were rules."""
    run("promtool", "check", "rules", RULES)
    asked = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}), encoding="utf-8")
    run("promtool", "check", "rules", file)
    file.write_text(file.read_text(encoding="utf-8").replace("max(", "maxx(", 1), encoding="utf-8")
    assert fails("promtool", "check", "rules", file)


def test_alerts_fire_when_they_should() -> None:
    """Each of them in its unit test, and not for what is well."""
    run("promtool", "test", "rules", "prometheus/rules_test.yaml")
    tried = (DEPLOY / "prometheus/rules_test.yaml").read_text(encoding="utf-8")
    for alert in alerts():
        assert f"runbook: {alert['annotations']['runbook']}\n" in tried, f"{alert['alert']} never fires there"


def test_promtool_reads_the_metrics_of_a_service(exposition: str) -> None:
    """Of a running one: names, units and help texts are as Prometheus wants them."""
    assert run("promtool", "check", "metrics", stdin=exposition) == ""


def test_rules_and_dashboard_ask_for_metrics_that_there_are(exposition: str) -> None:
    """A metric that is renamed would leave an alert that never fires."""
    told = set(re.findall(r"^([a-z0-9_]+)(?:\{| )", exposition, re.MULTILINE))
    asked = {name for rule in alerts() for name in _METRIC.findall(rule["expr"])}
    asked |= {name for query in queries() for name in _METRIC.findall(query)}

    assert len(asked) > 12
    assert asked - told == set()


def test_each_alert_is_in_the_runbook() -> None:
    """And each section there is about an alert."""
    headings = re.findall(r"^### (Syncd\w+)$", RUNBOOK, re.MULTILINE)

    assert sorted(alert["alert"] for alert in alerts()) == sorted(headings)
    for alert in alerts():
        assert alert["annotations"]["runbook"] == f"deploy/README.md#{alert['alert'].lower()}"
        assert alert["labels"]["severity"] in ("warning", "critical")


def test_dashboard_is_one_that_can_be_imported() -> None:
    """Panels with ids of their own that do not overlap, and a data source that is asked for."""
    panels = DASHBOARD["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "source"]
    assert all(panel["title"] and panel["description"] for panel in panels)
