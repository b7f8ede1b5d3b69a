"""The bundles: their texts out of Git's own archive, measured against what was published."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.corpora.markdown import read
from tests.corpora.measure import Corpus, figures
from tests.corpora.samples import Sample
from tests.corpora.sites import Site
from tests.corpora.trip import Place, reasons, settings_of


def texts(sample: Sample, folder: Path) -> dict[str, str]:
    """Every Markdown file below the sample's root at the tip of main, by its path."""
    if not folder.exists():
        subprocess.run(
            ["git", "clone", "--quiet", "--bare", str(sample.path), str(folder)], check=True, timeout=60
        )
    packed = subprocess.run(
        ["git", "-C", str(folder), "archive", f"main:{sample.root}"],
        check=True,
        capture_output=True,
        timeout=60,
    ).stdout
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and member.name.endswith((".md", ".mdx", ".markdown")):
                found[member.name] = file.read().decode()
    return found


def measure(sample: Sample, home: Path) -> Corpus:
    """Publish a bundle and measure it."""
    trip = Place(home / sample.name, settings_of(sample)).sync()
    originals = texts(sample, home / f"{sample.name}.git")
    base = str(sample.settings["page_url"]).removesuffix("/{address}")
    site = Site(sample.name, originals, urlsplit(base).path)
    places = {path: base + site.places[path] for path in trip.pages}
    return Corpus(
        name=sample.name,
        kind=sample.kind,
        listed=trip.listed,
        skipped=reasons(trip.skipped),
        failed=reasons(trip.failed),
        error=trip.error,
        pages=[
            figures(
                page,
                read(originals[path], site.dialect, site.resolve_in(path)),
                lambda target: trip.pages[target].url if target in trip.pages else None,
                sample.private,
            )
            for path, page in sorted(trip.pages.items())
        ],
        misplaced={
            path: f"{page.url}, not {places[path]}"
            for path, page in sorted(trip.pages.items())
            if (page.url or "").rstrip("/") != places[path].rstrip("/")
        },
    )
