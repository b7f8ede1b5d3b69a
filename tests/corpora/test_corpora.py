"""Every sample, all the way: what arrives is what its readers see, or its page is named with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.__main__ import measure
from tests.corpora.faults import LINKS_LEAST, faults, stale
from tests.corpora.measure import Corpus
from tests.corpora.samples import ALL, CONFLUENCE, GIT, Sample

REFUSED = "drone-1x-2004"
MEASURED: dict[str, Corpus] = {}


def present(sample: Sample) -> Sample:
    if not sample.path.is_file():
        pytest.skip(f"no sample {sample.file} in ../shared/samples")
    return sample


@pytest.fixture
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    """One sample, measured once for all tests."""
    sample = present(request.param)
    if sample.name not in MEASURED:
        MEASURED[sample.name] = measure(sample, tmp_path)
    return MEASURED[sample.name]


every = pytest.mark.parametrize(
    "corpus", [sample for sample in ALL if sample.name != REFUSED], ids=lambda one: one.name, indirect=True
)


@every
def test_every_page_is_as_it_should_be(corpus: Corpus) -> None:
    """Words, headings, code and tables arrive; nothing hidden, private or of the generator does."""
    assert corpus.pages
    assert [fault for fault in faults(corpus) if fault.reason is None] == []


@every
def test_what_is_known_is_still_so(corpus: Corpus) -> None:
    """A page that was mended goes from the list, so that it cannot break again unseen."""
    assert stale(corpus) == []


@every
def test_links_between_pages_lead_there(corpus: Corpus) -> None:
    """At least 95 % of those whose page is published."""
    assert corpus.links >= LINKS_LEAST, [page.astray for page in corpus.pages if page.astray]


@every
def test_nothing_fails(corpus: Corpus) -> None:
    """Every page of the samples can be published, or is left out with a reason."""
    assert corpus.failed == {}
    assert all(corpus.skipped)


def test_export_without_ids_is_refused(tmp_path: Path) -> None:
    """Confluence 1.x named pages by title alone, so nothing could be told apart later."""
    (sample,) = (one for one in CONFLUENCE if one.name == REFUSED)

    corpus = measure(present(sample), tmp_path)

    assert (corpus.listed, corpus.pages) == (0, [])
    assert corpus.error is not None
    assert "1.x" in corpus.error


def test_measure_finds_out_a_plain_renderer(tmp_path: Path) -> None:
    """Of plain CommonMark, most words arrive; what else is wrong with it has to show."""
    (sample,) = (one for one in GIT if one.name == "mkdocs-material-docs")
    present(sample)
    rendering = {**sample.settings["rendering"], "dialect": "none"}
    plain = replace(sample, settings={**sample.settings, "rendering": rendering})

    corpus = measure(plain, tmp_path)

    assert sum(len(page.marks) for page in corpus.pages) > 300
    assert sum(len(page.prose_in_code) for page in corpus.pages) > 300
    assert len(corpus.misplaced) > 10
