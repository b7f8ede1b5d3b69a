"""Messages: the place, the setting, what is wrong, and the way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.config.load import Loaded
from syncd.errors import ConfigError

Read = Callable[..., Loaded]

IMPORT = 'import_source: { url: "https://a.acme.com" }'
ONE = "sources:\n- { name: a, connector: notes, root: r, " + IMPORT + ", %s }\n"
MAIL = "- { name: %s, connector: mail, host: h, import_source: { %s } }\n"

BAD = {
    # B2
    "syntax": (
        "sources: [\n",
        "2:1: not valid YAML: while parsing a flow node did not find expected node content",
    ),
    "tab": (
        "intercom:\n\tregion: eu\n",
        "2:1: not valid YAML: while scanning for the next token found character that cannot start any token; "
        "indent with blanks, not with tabs",
    ),
    "variable inside braces": (
        "intercom: { token: ${TOKEN} }\n",
        "1:21: not valid YAML: while parsing a flow mapping did not find expected ',' or '}'; "
        'inside { } put a variable in quotes: "${NAME}"',
    ),
    "control character": (
        "sources:\n- \x07\n",
        "2:3: a control character; remove it, or write it as an escape in quotes",
    ),
    "half a character": (
        'state: "\\uD800"\n',
        "1:11: not valid YAML: while parsing a quoted scalar found invalid Unicode character escape code",
    ),
    "list at the top": ("- a\n", "1:1: must begin with settings such as 'sources:'"),
    "two documents": ("a: 1\n---\nb: 1\n", "2:1: a second document begins here; keep everything in one"),
    "mapping as a key": ("{ {a: 1}: 2 }\n", "1:3: a key must be a plain word, not a list or a mapping"),
    # B3
    "duplicate key": (
        "sources: []\nstate: x\nsources: []\n",
        "3:1: duplicate key 'sources' at lines 1 and 3; keep one of them",
    ),
    # B4
    "unknown key": (ONE % "exlude: [x]", "2:87: sources[0].exlude: unknown setting; did you mean 'exclude'?"),
    "unknown key of a section": (
        "intercom: { regoin: us }\n" + ONE % "depth: 1",
        "1:13: intercom.regoin: unknown setting; did you mean 'region'?",
    ),
    "unknown key like none": (
        "zzz: 1\n" + ONE % "depth: 1",
        "1:1: zzz: unknown setting; there are: intercom, state, state_lease, service, notifications, "
        "metrics_textfile, defaults, sources",
    ),
    "unknown key of a nested model": (
        ONE % 'login: { user: u, password: "${P}", passwrd: x }',
        "2:123: sources[0].login.passwrd: unknown setting; did you mean 'password'?",
    ),
    # B5
    "no is a boolean": (
        ONE % "branch: no",
        '2:95: sources[0].branch: no was read as false; put it in quotes: "no"',
    ),
    "1.10 is a number": (
        "intercom: { version: 2.10 }\n" + ONE % "depth: 1",
        '1:22: intercom.version: 2.10 was read as the number 2.1; put it in quotes: "2.10"',
    ),
    "base 60": (
        "a: 12:30:00\n",
        '1:4: YAML reads 12:30:00 as a number of another kind; write a plain number, or quote it: "12:30:00"',
    ),
    "octal": (
        "a: 012\n",
        '1:4: YAML reads 012 as a number of another kind; write a plain number, or quote it: "012"',
    ),
    "date": ("a: 2026-01-31\n", '1:4: YAML reads 2026-01-31 as a date; put it in quotes: "2026-01-31"'),
    "empty value": (ONE % "branch:", "2:95: sources[0].branch: is empty; give a value or remove the line"),
    # B6, B7, B8
    "anchor": ("a: &x [1]\n", "1:4: anchors (&x) are not supported; write the value out where it is needed"),
    "alias": ("a: *x\n", "1:4: aliases (*x) are not supported; write the value out"),
    "merge key": (
        "<<: { a: 1 }\n",
        "1:1: merge keys (<<) are not supported; write the settings out, or use 'defaults'",
    ),
    "tag": (
        "a: !!python/object/apply:os.system [x]\n",
        "1:4: tags are not supported, and this is tagged 'tag:yaml.org,2002:python/object/apply:os.system'; "
        "remove the tag",
    ),
    "20,000 brackets": ("[" * 20_000, "1:33: nested more than 32 levels deep"),
    # B9
    "literal token": (
        "intercom:\n  token: dG9rOmFiY2Q\n" + ONE % "depth: 1",
        "2:10: intercom.token: a secret must not stand in this file; put it into an environment variable and "
        "write ${INTERCOM_TOKEN}",
    ),
    "token with a literal default": (
        "intercom:\n  token: ${TOKEN:-dG9rOmFiY2Q}\n" + ONE % "depth: 1",
        "2:10: intercom.token: a secret must not stand in this file; put it into an environment variable and "
        "write ${INTERCOM_TOKEN}",
    ),
    "literal secret of a connector": (
        ONE % "login: { user: u, password: hunter2 }",
        "2:115: sources[0].login.password: a secret must not stand in this file; put it into an environment "
        "variable and write ${PASSWORD}",
    ),
    "number as a secret": (
        ONE % "login: { user: u, password: 123456 }",
        "2:115: sources[0].login.password: must be a reference to an environment variable, such as ${NAME}",
    ),
    "literal password of the database": (
        "state: postgresql://u:hunter2@h/d\n" + ONE % "depth: 1",
        "1:8: state: a password must not stand in this file; put it into an environment variable and write "
        "${DATABASE_PASSWORD}",
    ),
    # B10
    "unset variable": (
        ONE % 'branch: "${BRANCH}"',
        "2:95: sources[0].branch: the environment variable BRANCH is not set; set it, or give a default: "
        "${BRANCH:-…}",
    ),
    "unset variable where a number is wanted": (
        ONE % 'depth: "${DEPTH}"',
        "2:94: sources[0].depth: the environment variable DEPTH is not set; set it, or give a default: "
        "${DEPTH:-…}",
    ),
    "broken variable": (
        ONE % 'branch: "${a b}"',
        "2:95: '${' begins a variable: write ${NAME}, ${NAME:-default}, or $$ for a dollar sign",
    ),
    "text in a variable where a number is wanted": (
        ONE % 'depth: "${WORD}"',
        "2:94: sources[0].depth: must be a whole number, not the text '${WORD}'",
    ),
    # B11
    "duration without a unit": (
        "defaults: { deletions: { min_absence: 5 } }\n" + ONE % "depth: 1",
        "1:39: defaults.deletions.min_absence: must be a duration with its unit, such as "
        '"90s", "15m", "1h30m", "2d" or "PT15M"',
    ),
    "schedule without a unit": (
        ONE % "schedule: 5",
        '2:97: sources[0].schedule: must be "every 15m", or cron with five fields such as "0 * * * *"',
    ),
    "schedule that is too close": (
        ONE % "schedule: every 5s",
        "2:97: sources[0].schedule: must be at least every 10s",
    ),
    "size without a unit": (
        ONE % "limits: { max_html: 5 }",
        '2:107: sources[0].limits.max_html: must be a size with its unit, such as "500kB", "2MB" or "2MiB"',
    ),
    # B12
    "same name": (
        "sources:\n" + MAIL % ("a", "id: 1") + MAIL % ("a", "id: 2"),
        "3:11: sources[1].name: 'a' is the name of sources[0] too; rename one of them",
    ),
    "same import source by url": (
        "sources:\n"
        + MAIL % ("a", 'url: "https://docs.acme.com"')
        + MAIL % ("b", 'url: "https://DOCS.acme.com:443/"'),
        "3:55: sources[1].import_source: sources 'a' and 'b' share the import source https://docs.acme.com; "
        "each needs its own",
    ),
    "same import source by id": (
        "sources:\n" + MAIL % ("a", "id: 7") + MAIL % ("b", "id: 7"),
        "3:55: sources[1].import_source: sources 'a' and 'b' share the import source 7; each needs its own",
    ),
    # B13
    "id as text": (
        "sources:\n" + MAIL % ("a", 'id: "7"'),
        "2:61: sources[0].import_source.id: must be a whole number, not the text '7'",
    ),
    "id 0": (
        "sources:\n" + MAIL % ("a", "id: 0"),
        "2:61: sources[0].import_source.id: must be at least 1, not 0",
    ),
    "id 2^63": (
        "sources:\n" + MAIL % ("a", f"id: {2**63}"),
        f"2:61: sources[0].import_source.id: must be at most {2**63 - 1}, not {2**63}",
    ),
    "url and id": (
        "sources:\n" + MAIL % ("a", 'id: 1, url: "https://docs.acme.com"'),
        "2:55: sources[0].import_source: must have either a url or an id, such as "
        '{ url: "https://docs.example.com" }',
    ),
    "import source of an intranet": (
        "sources:\n" + MAIL % ("a", 'url: "http://confluence/"'),
        "2:62: sources[0].import_source.url: Intercom takes only public domain names, and "
        "'http://confluence/' has none; give the site's public address",
    ),
    # B14
    "plain http": (
        "intercom: { base_url: http://api.intercom.io }\n" + ONE % "depth: 1",
        "1:23: intercom.base_url: must begin with https:// (plain http is for a loopback address, "
        "such as the sandbox, only)",
    ),
    "userinfo": (
        'intercom: { base_url: "https://me:pw@api.intercom.io" }\n' + ONE % "depth: 1",
        "1:23: intercom.base_url: must not hold a user name or password",
    ),
    "path": (
        'intercom: { base_url: "https://api.intercom.io/v2" }\n' + ONE % "depth: 1",
        "1:23: intercom.base_url: must be a host without a path, such as https://api.intercom.io",
    ),
    "link-local address": (
        'intercom: { base_url: "https://169.254.169.254" }\n' + ONE % "depth: 1",
        "1:23: intercom.base_url: must name a public host, or a loopback address such as http://127.0.0.1:8377",
    ),
    # kinds and choices
    "wrong kind": (
        ONE % "depth: many",
        "2:94: sources[0].depth: must be a whole number, not the text 'many'",
    ),
    "quoted number": (
        ONE % 'depth: "3"',
        "2:94: sources[0].depth: must be a whole number, not the text '3'",
    ),
    "list instead of a mapping": (
        "intercom: []\n" + ONE % "depth: 1",
        "1:11: intercom: must be a mapping, not a list",
    ),
    "mapping instead of a list": ("sources: { a: 1 }\n", "1:10: sources: must be a list, not a mapping"),
    "number instead of a boolean": (
        ONE % "links: 1",
        "2:94: sources[0].links: must be true or false, not 1",
    ),
    "unknown choice": (
        "intercom: { region: EU }\n" + ONE % "depth: 1",
        "1:21: intercom.region: must be 'us', 'eu' or 'au', not the text 'EU'; did you mean 'eu'?",
    ),
    "out of range": (
        "intercom: { concurrency: 0 }\n" + ONE % "depth: 1",
        "1:26: intercom.concurrency: must be at least 1, not 0",
    ),
    "unknown connector": (
        ONE.replace("connector: notes", "connector: nots") % "depth: 1",
        "2:25: sources[0].connector: no connector is called 'nots'. Installed: mail, notes.",
    ),
    "no sources": ("intercom: {}\n", "1:1: 'sources' is missing: The origins to publish."),
    "missing setting of a connector": (
        "sources:\n- { name: a, connector: notes, " + IMPORT + " }\n",
        "2:3: sources[0]: 'root' is missing: Where the notes are.",
    ),
    "name with blanks": (
        ONE.replace("name: a", "name: A b") % "depth: 1",
        "2:11: sources[0].name: must be lower-case letters, digits, '-' and '_', at most 63, not 'A b'",
    ),
    "page_url with an unknown variable": (
        ONE % 'page_url: "https://docs.acme.com/{title}"',
        "2:97: sources[0].page_url: must be a URL with {address} (where the site's generator puts the "
        "page), {path} (the file's path) or {slug} (the path without its extension), not "
        "'https://docs.acme.com/{title}'",
    ),
    "state that is no database": (
        "state: /var/lib/syncd.db\n" + ONE % "depth: 1",
        "1:8: state: must be sqlite:///FILE or postgresql://…, not '/var/lib/syncd.db'",
    ),
    # between settings
    "token given twice": (
        "intercom: { token: '${T}', token_file: x }\n" + ONE % "depth: 1",
        "1:40: intercom.token_file: the token is given twice; keep either 'token' or 'token_file'",
    ),
    "server given twice": (
        'intercom: { region: us, base_url: "https://api.acme.com" }\n' + ONE % "depth: 1",
        "1:35: intercom.base_url: the server is given twice; keep either 'region' or 'base_url'",
    ),
    "language that the version lacks": (
        ONE % "locale: fr",
        "2:95: sources[0].locale: Intercom's API version 2.16 knows only 'en'; other languages need 2.17",
    ),
    "flag that the version lacks": (
        ONE % "availability: { ai_sales_agent: true }",
        "2:119: sources[0].availability.ai_sales_agent: API version 2.16 has no such flag; it needs 2.17",
    ),
    "audiences that the version lacks": (
        'intercom: { version: "2.14" }\nsources:\n' + MAIL % ("a", "id: 1, audience_ids: [3]"),
        "3:78: sources[0].import_source.audience_ids: API version 2.14 has no audiences; they need 2.15",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=list(BAD))
def test_message_is_exact(read: Read, text: str, message: str) -> None:
    """Each mistake has one line: the place, the setting, what is wrong, and the way out."""
    with pytest.raises(ConfigError) as caught:
        read(text, WORD="many", P="pass-word")
    assert str(caught.value) == f"syncd.yaml:{message}"


def test_several_problems_are_three_lines_and_a_count(read: Read) -> None:
    """The first three in the order of the file; one that defaults hand down counts once."""
    text = "defaults: { schedule: 1 }\n" + ONE % "depth: x, links: y, style: z, brnch: q"
    with pytest.raises(ConfigError) as caught:
        read(text)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "defaults.schedule",
        "sources[0].depth",
        "sources[0].links",
    ]
    assert lines[-1].endswith("must be true or false, not the text 'y' (and 2 more)")


@pytest.mark.parametrize(
    "text",
    [
        ONE % 'depth: "${SECRET}", login: { user: 1, password: "${SECRET}" }',
        "state: ${SECRET}\n" + ONE % "depth: 1",
        "intercom: { base_url: '${SECRET}' }\n" + ONE % "depth: 1",
        ONE % 'page_url: "${SECRET}"',
        ONE % 'schedule: "${SECRET}"',
        ONE % 'locale: "${SECRET}"',
        ONE.replace("https://a.acme.com", "http://${SECRET}") % "depth: 1",
        ONE.replace("https://a.acme.com", "https://me:hunter2-canary@a.acme.com") % "depth: 1",
        "state: mysql://me:hunter2-canary@h/d\n" + ONE % "depth: 1",
    ],
)
def test_secret_values_never_stand_in_a_message(read: Read, text: str) -> None:
    """An error shows what the file says, not what a variable holds, and no user part of a URL."""
    for secret in ("hunter2-canary", "mysql://u:hunter2-canary@h/d"):
        with pytest.raises(ConfigError) as caught:
            read(text, SECRET=secret)
        assert "canary" not in str(caught.value)
