"""How long changes take to reach Intercom, and who is told."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox import Sandbox, serving
from syncd.sandbox.switches import Switches
from tests.conftest import TOKEN, Workplace

HOUR_S = 3600.0


def aged(workplace: Workplace, name: str, age_s: float) -> None:
    """Let a file have been changed so long ago."""
    then = time.time() - age_s
    os.utime(workplace.docs / name, (then, then))


def fresh(workplace: Workplace) -> dict[str, Any]:
    (source,) = workplace.run("status", "--json").document["sources"]
    told: dict[str, Any] = source["freshness"]
    return told


def test_change_is_timed_from_its_file_to_the_acknowledgement(workplace: Workplace) -> None:
    """What a first sync publishes was there all along; an edit of two hours ago took two hours."""
    workplace.write({"a.md": "# A\n\nText.\n", "b.md": "# B\n\nText.\n"})
    aged(workplace, "a.md", 400 * 24 * HOUR_S)
    workplace.sync()
    assert fresh(workplace) == {
        "changes": 0, "p50_s": None, "p95_s": None, "objective_s": 86400.0, "met": True, "stale": False,
        "ingested": 2, "ingested_p50_s": 0.0, "ingested_p95_s": 0.0, "ingesting": 0, "overdue": 0,
        "overdue_since": None,
    }  # fmt: skip

    workplace.write({"b.md": "# B\n\nOther text.\n"})
    aged(workplace, "b.md", 2 * HOUR_S)
    workplace.sync()

    told = fresh(workplace)
    assert (told["changes"], told["met"]) == (1, True)
    assert told["p50_s"] == told["p95_s"] == pytest.approx(2 * HOUR_S, abs=60)
    assert "2 h, 2 h" in workplace.run("status").out


def test_file_with_an_old_date_came_after_the_last_run(workplace: Workplace) -> None:
    """Copies keep their dates: a page that the last run did not find was not late for years."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    workplace.write({"copied.md": "# Copied\n\nText.\n"})
    aged(workplace, "copied.md", 400 * 24 * HOUR_S)

    workplace.sync()

    told = fresh(workplace)
    assert told["changes"] == 1
    assert told["p95_s"] < 60


def test_what_is_sent_again_is_no_change(workplace: Workplace) -> None:
    """Another rule sends each page once more, and no page was late."""
    workplace.write({"a.md": "# A\n\n![Picture](https://pictures.example.com/a.png)\n"})
    aged(workplace, "a.md", 400 * 24 * HOUR_S)
    workplace.sync()
    workplace.configure(rendering={"image_hosts": ["pictures.example.com"]})

    assert workplace.sync()["updated"] == 1

    assert fresh(workplace)["changes"] == 0


def test_missed_objective_is_told(workplace: Workplace) -> None:
    """In the table, in the document and in the metrics."""
    workplace.top["metrics_textfile"] = "syncd.prom"
    workplace.configure(freshness={"objective": "1h"})
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    workplace.write({"a.md": "# A\n\nOther text.\n"})
    aged(workplace, "a.md", 3 * HOUR_S)

    workplace.sync()

    assert fresh(workplace)["met"] is False
    assert (
        "\nhandbook: one change in twenty took 3 h or longer to reach Intercom, and the objective is 1 h\n"
        "  syncd runs --source handbook\n"
    ) in workplace.run("status").out
    metrics = (workplace.home / "syncd.prom").read_text(encoding="utf-8")
    assert 'syncd_freshness_objective_seconds{source="handbook"} 3600.0' in metrics
    assert 'syncd_freshness_seconds{percentile="95",source="handbook"} 1080' in metrics


def test_source_without_a_complete_run_for_long_is_stale(workplace: Workplace) -> None:
    """Nobody can say how old its pages are."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    with sqlite3.connect(workplace.state) as state:
        state.execute("UPDATE sources SET completed_at = completed_at - ?", (50 * HOUR_S,))
    state.close()

    told = fresh(workplace)

    assert (told["stale"], told["met"]) == (True, False)
    assert (
        "\nhandbook: STALE: the last complete run was 2 d ago, and the objective is 1 d\n"
        "  syncd sync handbook\n"
    ) in workplace.run("status").out


def test_pages_that_intercom_never_reads_in_are_an_alarm(tmp_path: Path) -> None:
    """It took them, and Fin does not know them: nothing else would tell."""
    with serving(Sandbox(tokens=[TOKEN], switches=Switches(ingest_delay_s=1e9))) as running:
        _find_what_was_never_read_in(Workplace(tmp_path, running))


def _find_what_was_never_read_in(workplace: Workplace) -> None:
    workplace.top["metrics_textfile"] = "syncd.prom"
    workplace.configure()
    workplace.write({"a.md": "# A\n\nText.\n", "b.md": "# B\n\nText.\n"})
    workplace.sync()
    assert (fresh(workplace)["ingesting"], fresh(workplace)["overdue"]) == (2, 0)
    told = workplace.run("explain", "a.md").out
    assert "Fin does not know it as it is now: Intercom took it, and did not read it in yet." in told
    with sqlite3.connect(workplace.state) as state:
        state.execute("UPDATE ingestions SET written_at = written_at - 90000, asked_at = asked_at - 90000")
    state.close()
    assert workplace.run("status").code == 0

    assert workplace.sync()["requests"] == 0, "the run itself had nothing to ask"

    status = workplace.run("status")
    assert status.code == 3
    assert (
        "handbook: ALARM: 2 page(s) that Intercom took 1 d ago were not read in for Fin within" in status.out
    )
    metrics = (workplace.home / "syncd.prom").read_text(encoding="utf-8")
    assert 'syncd_ingestions_overdue{source="handbook"} 2.0' in metrics
    assert 'syncd_open_problems{kind="ingestion",source="handbook"} 1.0' in metrics
    assert 'syncd_alarms{source="handbook"} 1.0' in metrics
