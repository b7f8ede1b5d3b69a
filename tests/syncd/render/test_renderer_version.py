"""A change of what comes out of the renderer is noticed, so that its version is raised with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from syncd.render import RENDERER_VERSION, Rules, render
from tests.builders import document

HANDBOOK = Path(__file__).resolve().parents[2] / "data" / "handbook"
DIALECTS = {
    "docfx": "> [!NOTE]\n> See <xref:a.b>.\n\n# [One](#tab/one)\n\nText.\n",
    "docusaurus": "import A from 'a';\n\n:::tip[Title]\n\n<A title=\"t\">text</A>\n\n:::\n",
    "github_wiki": "See [[text|Page Name]].\n",
    "hugo": '{{< alert color="warning" >}}Mind [b]({{< ref "b.md" >}}).{{< /alert >}}\n',
    "jekyll": "Text.\n{: .note}\n\n{% raw %}{{ x }}{% endraw %} {{ page.title }}\n",
    "mdbook": "```rust\n# hidden\nfn main() {}\n```\n\n[b](b.md#part)\n",
    "mkdocs": '!!! note "Title"\n    Text ++ctrl+c++.\n\n=== "Tab"\n\n    ```py\n    a\n    ```\n',
    "myst": "```{note}\n{ref}`label` and {kbd}`x`\n```\n\n- [ ] task\n",
    "none": "| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n> [!TIP]\n> Text.[^1]\n\n[^1]: Foot ![alt](x.png)\n",
    "obsidian": "[[Note#Part|text]] %%hidden%% ==mark==\n\n> [!faq]- Title\n> Text.\n",
}
COMES_OUT = {1: "063745f5f3aa76b3"}
"""Version → what the documents come out as. Once a version was released, its line stays as it is: raise
RENDERER_VERSION, and give the new one a line, so that every page of every source is rendered again."""


def test_other_output_is_another_version() -> None:
    """Pages of unchanged documents are rendered again only if the version says that they may differ."""
    drafts = [render(document(body), Rules(dialect=name)) for name, body in sorted(DIALECTS.items())]
    drafts += [
        render(document(path.read_text(encoding="utf-8"), path=path.name), Rules())
        for path in sorted(HANDBOOK.rglob("*.md"))
    ]
    told = "\n".join(f"{draft.title}\n{draft.html}\n{draft.links}" for draft in drafts)

    assert hashlib.sha256(told.encode()).hexdigest()[:16] == COMES_OUT[RENDERER_VERSION]
