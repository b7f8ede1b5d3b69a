"""`syncd status`: what stands, and what needs somebody."""

from __future__ import annotations

from tests.conftest import Workplace


def test_source_that_left_the_configuration_does_not_alarm_for_ever(workplace: Workplace) -> None:
    """No run can make its last one better, so it is told of, and the exit code is that of the others."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    workplace.configure(root="nowhere")
    assert workplace.run("sync").code == 6
    assert workplace.run("status").code == 6
    workplace.configure(name="renamed", root="docs")

    done = workplace.run("status")

    assert done.code == 0
    assert (
        "\nhandbook: not in the configuration; its 1 page(s) stay in Intercom as they are, until the "
        "source is configured again or they are removed there\n"
    ) in done.out
    document = workplace.run("status", "--json").document
    assert document["result"] == "ok"
    assert [source["configured"] for source in document["sources"]] == [True, False]
