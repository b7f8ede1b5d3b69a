"""The elements of HTML, by what a reader sees of them."""

from __future__ import annotations

from syncd.render.sanitize import HEADINGS


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements whose text no reader sees, or that mean nothing outside a browser.
UNSEEN = _names("""
    area audio base canvas col colgroup datalist embed frameset head link map meta meter nav noscript object
    param progress rp script select source style template textarea title track video wbr
""")
# Elements that only group blocks.
GROUPS = _names("""
    address article aside body center details dialog div fieldset figcaption figure footer form header hgroup
    html legend main search section
""")
# Elements within a text that have no form of their own: no word ends at their edges.
PLAIN = _names("""
    abbr acronym bdi bdo big button data font label nobr output rb rt rtc ruby small span time
""")
FORMATS = {
    **{name: name for name in _names("code del em ins kbd mark samp strong sub sup var")},
    "b": "strong",
    "i": "em",
    "cite": "em",
    "dfn": "em",
    "tt": "code",
    "s": "del",
    "strike": "del",
    "u": "ins",
}
LISTS = {"ul": "ul", "menu": "ul", "dir": "ul", "ol": "ol"}
CODE = _names("pre listing xmp plaintext")
BLOCKS = frozenset(
    {*GROUPS, *LISTS, *CODE, *HEADINGS}
    | _names("blockquote caption dd dl dt hr iframe li p summary table tbody td tfoot th thead tr")
)
