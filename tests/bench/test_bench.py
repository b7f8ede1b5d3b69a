"""The bench itself: that it runs, and counts what it says. Nothing is timed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import postgres
from tests.bench import corpus, dashboard, database, first, memory, origins, process, quiet
from tests.bench.figure import Figure, at_least, at_most, document, ratio_of, table, verdict
from tests.bench.intercom import OTHERS, Met, intercom
from tests.bench.place import Place

PAGES = 200

MOST_MODULES = 525
"""A few more than there are, since each release of a library brings some."""

DEAR = {
    *("alembic", "apscheduler", "bs4", "httpcore", "httpx", "jinja2", "lxml", "markdown_it", "nh3"),
    *("prometheus_client", "psycopg", "starlette", "structlog", "truststore", "uvicorn"),
}


def test_no_change_and_new_times_are_counted(tmp_path: Path) -> None:
    """A quiet run opens, sends and renders nothing; the same counters see what a fresh clone costs."""
    root = tmp_path / "pages"
    corpus.make(root, PAGES)
    with intercom() as server:
        place = Place(home=tmp_path / "home", root=root, url=server.url)
        with quiet.settled(place) as service:
            calm = _values(quiet.no_change(place, service, server, rounds=1))
            touched = _values(quiet.new_times(place, service, server, rounds=1))
            changed = _values(quiet.few_changed(place, service, server, rounds=2))

    assert calm["source files opened"] == 0
    assert calm["requests"] == 0
    assert calm["pages rendered"] == 0
    assert 1 <= calm["commits"] <= 3
    assert touched["requests that write"] == 0
    assert touched["source files opened"] >= PAGES
    excess = [value for name, value in changed.items() if "more" in name]
    assert excess == [0, 0], "each change costs one write, and no read but those that are named"


def test_other_origins_are_counted(tmp_path: Path) -> None:
    """Neither a commit that is known nor an export that only tells another time costs a request."""
    git = _values(origins.git(tmp_path / "git", pages=30, rounds=1))
    export = _values(origins.export_again(tmp_path / "export", pages=30, rounds=1))
    xml = origins.entities(tmp_path / "xml", pages=30, rounds=1)

    assert 1 <= git["git commands"] <= 3
    assert (git["requests"], git["pages rendered"]) == (0, 0)
    assert set(export.values()) - {export["run, against inflate + cut + hash"]} == {0}
    assert any(figure.ratio for figure in xml)


@pytest.mark.ring
@pytest.mark.skipif(postgres.programs() is None, reason=postgres.MISSING)
def test_round_trips_to_a_server_are_counted(tmp_path: Path) -> None:
    """Each of them costs as much as the way there is long."""
    found = _values(database.rows(tmp_path, pages=20, rounds=1))

    assert 0 < found["round trips of a run without a change"] <= 5


def test_every_page_of_the_dashboard_is_there_in_a_small_source(tmp_path: Path) -> None:
    """`make bench-quick` asks for pages of a source that has a tenth of them."""
    found = _values(dashboard.dashboard(tmp_path, pages=20, runs=2, rounds=1))

    assert set(found) == {f"{name}, p95" for name in dashboard.ADDRESSES}


def test_first_run_is_answered_by_the_stand_in(tmp_path: Path) -> None:
    """The row without a limit measures syncd, so each of its pages has to be confirmed."""
    found = _values(first.unthrottled(tmp_path, pages=8, rounds=1))

    assert found["pages a second"] > 0


def test_origin_without_files_costs_memory_alone(tmp_path: Path) -> None:
    """A million pages can be measured without a million files."""
    peak, more, each = memory.scaled(tmp_path, 3000)

    assert peak.value > 0
    assert more.goal == each.goal == at_most(1000)


def test_share_of_what_another_client_leaves() -> None:
    """What the other one takes could not have been used."""
    met = [
        Met(8.0, "POST", "/p", 200),
        *(Met(10.0 + turn, "POST", "/p", 200) for turn in range(6)),
        *(Met(10.0 + turn, "GET", OTHERS, 404) for turn in range(4)),
        Met(20.0, "POST", "/p", 200),
    ]

    assert first.left_used(met, limit=10) == [1.0]


def test_quiet_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    """Imports outweigh a run in which nothing changed; what is dear is imported where it is used."""
    root = tmp_path / "pages"
    corpus.make(root, 10)
    with intercom() as server:
        place = Place(home=tmp_path / "home", root=root, url=server.url)
        with quiet.settled(place) as service:
            service.sync()
        modules = {name for _, name in process.imported(place.command("sync", "-q"), place.environment)}

    assert len(modules) <= MOST_MODULES
    assert not DEAR & {module.partition(".")[0] for module in modules}
    assert "sqlalchemy.dialects.postgresql" not in modules


def test_records_without_a_first_run_are_those_that_a_run_expects(tmp_path: Path) -> None:
    """The memory row measures a run that finds everything unchanged, not one that sends."""
    root = tmp_path / "pages"
    corpus.make(root, 30)
    place = Place(home=tmp_path / "home", root=root, url="http://127.0.0.1:9")

    memory.record_all(place)

    with place.service() as service:
        report = service.sync()
    assert (report.unchanged, report.requests) == (30, 0)


def test_a_corpus_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """Figures of two days are about the same pages, of about the size that was asked for."""
    for name in ("one", "two"):
        corpus.make(tmp_path / name, 20, size_bytes=2_000)

    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.md")} for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 20
    assert all(1_700 <= len(text) <= 2_500 for text in one.values())


def test_only_full_windows_count_for_the_allowance() -> None:
    """Neither the window in which a run began nor the one in which it ended could have been filled."""
    met = [
        *(Met(8.0, "POST", "/p", 200) for _ in range(3)),
        *(Met(10.0 + turn, "POST", "/p", 200) for turn in range(10)),
        Met(15.0, "POST", "/p", 429),
        *(Met(20.0 + turn, "POST", "/p", 200) for turn in range(5)),
        Met(30.0, "POST", "/p", 200),
    ]

    assert first.used(met, limit=10) == [1.0, 0.5]


def test_ratio_is_taken_round_by_round() -> None:
    """A machine that was slow for one round slowed the floor as well."""
    figure = ratio_of("row", "name", [(1.0, 2.0), (10.0, 20.0), (3.0, 9.0)], goal=at_most(2))

    assert figure.ratio == 2.0
    assert figure.met


def test_table_and_document_tell_the_same() -> None:
    """A goal that is missed is seen in the table, in the JSON and in the last line."""
    figures = [
        Figure(row="a", name="kept", value=1, goal=at_most(1)),
        Figure(row="a", name="missed", value=0.5, goal=at_least(0.95)),
        Figure(row="b", name="told", value=0.25, unit="s"),
    ]

    lines = table(figures).splitlines()
    found = document(figures, quick=True)

    assert [line.split()[-1] for line in lines[2:4]] == ["met", "MET"]
    assert "NOT MET" in lines[3]
    assert "250 ms" in lines[-1]
    assert verdict(figures) == "1 of 2 goals met"
    assert [each["met"] for each in json.loads(json.dumps(found))["figures"]] == [True, False, None]


def _values(figures: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}
