"""Measure: `python -m tests.corpora`. It prints the table and keeps all of it in tests/corpora.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.corpora import confluence, git, table
from tests.corpora.faults import LINKS_LEAST, faults
from tests.corpora.measure import Corpus
from tests.corpora.samples import ALL, SAMPLES, Sample

KEPT = Path(__file__).resolve().parents[1] / "corpora.md"


def measure(sample: Sample, home: Path) -> Corpus:
    """Publish one sample and measure it."""
    if sample.kind == "git":
        return git.measure(sample, home)
    return confluence.measure(sample, home)


def main() -> int:
    """Measure every sample; the exit code is 1 if something is wrong that is not known."""
    if not SAMPLES.is_dir():
        print("the samples are not beside this checkout: ../shared/samples", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="syncd-corpora-") as folder:
        corpora = [measure(sample, Path(folder)) for sample in ALL]
    KEPT.write_text(table.page(corpora), encoding="utf-8")
    print(table.table(corpora))
    unknown = [fault for corpus in corpora for fault in faults(corpus) if fault.reason is None]
    for fault in unknown:
        print(f"{fault.corpus} {fault.page}, {fault.kind}: {fault.detail}")
    few = [corpus.name for corpus in corpora if corpus.links < LINKS_LEAST]
    for name in few:
        print(f"{name}: fewer than {LINKS_LEAST:.0%} of the links between pages lead there")
    return 1 if unknown or few else 0


if __name__ == "__main__":
    sys.exit(main())
