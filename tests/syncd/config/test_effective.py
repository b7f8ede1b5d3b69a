"""What is in force, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable

from syncd.config.effective import Setting, effective
from syncd.config.load import Loaded

Read = Callable[..., Loaded]

SOURCE = "sources:\n- { name: a, connector: %s, %s, import_source: { id: 1 } }\n"


def settings(loaded: Loaded) -> dict[str, Setting]:
    return {setting.name: setting for setting in effective(loaded)}


def test_secret_of_a_connector_is_hidden(read: Read) -> None:
    """Also in a nested model; its name and the variable are shown."""
    text = SOURCE % ("notes", 'root: r, login: { user: u, password: "${P}" }')
    found = settings(read(text, P="canary-password"))
    password = found["sources[0].login.password"]
    assert (password.value, password.origin) == ("***", "line 2, ${P}")
    assert found["sources[0].login.user"].value == "u"


def test_variables_of_a_broken_connector_are_hidden(read: Read) -> None:
    """Nobody can tell which of its settings are secrets."""
    found = settings(read(SOURCE % ("broken", 'key: "${P}", plain: text'), P="canary-password"))
    assert found["sources[0].key"].value == "***"
    assert found["sources[0].plain"].value == "text"


def test_value_of_the_defaults_has_their_line(read: Read) -> None:
    """A source shows where the value was written, be it in `defaults`."""
    found = settings(read("defaults: { locale: en }\n" + SOURCE % ("mail", "host: h")))
    assert found["sources[0].locale"].origin == "line 1"
    assert found["sources[0].schedule"].origin == "default"


def test_secrets_of_the_service_are_hidden(read: Read) -> None:
    """All that the file may hold is shown, and none of its secrets."""
    text = 'service: { webhooks: { github: { secret: "${P}" } } }\n' + SOURCE % ("mail", "host: h")
    found = settings(read(text, P="canary-secret-0123456789"))
    assert found["service.webhooks.github.secret"].value == "***"
    assert found["service.listen"].value == "127.0.0.1:8321"
    assert "canary" not in repr(found)
