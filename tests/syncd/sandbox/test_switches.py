"""Switches: what can be set, and how it is said."""

from __future__ import annotations

from dataclasses import fields

import pytest

from syncd.errors import ConfigError
from syncd.sandbox.switches import Switches, describe, switched


def test_every_switch_is_described_and_its_default_can_be_said() -> None:
    """What --list-switches prints can be given to --switch and changes nothing."""
    described = list(describe())

    assert [each.name for each in described] == [each.name for each in fields(Switches)]
    assert all(each.meaning and 1 <= each.row <= 37 for each in described)
    assert switched(f"{each.name}={each.default}" for each in described) == Switches()


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("delete_again=stub", "delete_again", "stub"),
        ("delete-again=stub", "delete_again", "stub"),
        ("missing_field_status=422", "missing_field_status", 422),
        ("retry_after=yes", "retry_after", True),
        ("locales=en, pt-BR", "locales", ("en", "pt-BR")),
        ("audiences=", "audiences", ()),
        ("ingest_delay_s=0.5", "ingest_delay_s", 0.5),
    ],
)
def test_a_switch_is_set(setting: str, name: str, value: object) -> None:
    """Texts become values of the switch's own type."""
    assert getattr(switched([setting]), name) == value


@pytest.mark.parametrize(
    "setting",
    ["nonsense=1", "delete_again", "delete_again=maybe", "rate_limit=many", "rate_limit=-1",
     "ingest_delay_s=inf", "ingest_delay_s=nan", "retry_after=2", "audiences=x"],
)  # fmt: skip
def test_a_switch_that_says_nothing_is_refused(setting: str) -> None:
    """The message names what was given, in three lines or fewer."""
    with pytest.raises(ConfigError) as caught:
        switched([setting])

    assert setting.partition("=")[0] in str(caught.value)
    assert str(caught.value).count("\n") < 3
