"""What Prometheus is told when sources come and go."""

from __future__ import annotations

from pathlib import Path

from tests.syncd.service.engine import configured, source, started


async def test_source_that_comes_begins_at_zero_and_one_that_goes_is_gone(tmp_path: Path) -> None:
    """A rate over a series that begins with its first failure would not see it."""
    async with started(configured(tmp_path, source("a"), source("b"))) as bench:
        want = bench.service.want_run("a", "manual")
        await bench.service.configure(configured(tmp_path, source("b"), source("c")))
        bench.metrics.configure()
        await bench.settled()
        text = bench.metrics.text().decode()

    assert want is not None
    assert want.outcome.result().report.created == 1
    assert 'source="a"' not in text
    assert 'syncd_runs_total{result="failed",source="c"} 0.0' in text
    assert 'syncd_run_duration_seconds_count{source="c"}' in text
    assert 'syncd_runs_total{result="ok",source="b"} 1.0' in text


async def test_answers_of_intercom_are_counted_by_class(tmp_path: Path) -> None:
    """Refusals by the rate limit apart, since they are no fault."""
    async with started(configured(tmp_path, source("a"))) as bench:
        for status in (200, 201, 429, 404, 503, None):
            bench.metrics.answered(status)
        text = bench.metrics.text().decode()

    for kind, count in {"2xx": 2, "3xx": 0, "4xx": 1, "429": 1, "5xx": 1, "none": 1}.items():
        assert f'syncd_intercom_requests_total{{status="{kind}"}} {count}.0' in text
