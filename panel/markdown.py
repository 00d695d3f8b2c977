"""Release notes come from strangers: Markdown in, harmless HTML out.

No HTML of theirs, no images (their addresses would tell somebody who looks), links only to the web.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

LONGEST = 60_000
"""Characters that are rendered: what is longer is no release note."""


def rendered(text: str | None) -> Markup:
    """Answer ``text`` as HTML that can do nothing but be read."""
    if not text:
        return Markup()
    # Everything in it was made or escaped by the renderer: html is off, and our rules below make the rest.
    return Markup(_parser().render(text[:LONGEST].replace("\0", "")))  # noqa: S704  (that is what this file is for)


def harmless(address: str) -> bool:
    """Whether a link may lead there."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


@lru_cache(maxsize=1)
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415  (60 modules that only release notes need)

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = harmless  # type: ignore[method-assign, assignment]  # the library's own documented hook
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    for cell in ("th_open", "td_open"):
        parser.add_render_rule(cell, _cell)
    return parser


def _image(self: "RendererHTML", tokens: "Sequence[Token]", index: int, options: "OptionsDict", env: "EnvType") -> str:
    alt = self.renderInlineAsText(tokens[index].children or [], options, env)
    return str(Markup("<em>{}</em>").format(alt)) if alt else ""


def _link(self: "RendererHTML", tokens: "Sequence[Token]", index: int, options: "OptionsDict", env: "EnvType") -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)


def _heading(
    self: "RendererHTML", tokens: "Sequence[Token]", index: int, options: "OptionsDict", env: "EnvType"
) -> str:
    token = tokens[index]
    # The page has one h1 and the section an h2: a note's own headings begin below.
    token.tag = f"h{min(max(int(token.tag[1]) + 1, 3), 6)}"
    return self.renderToken(tokens, index, options, env)


def _cell(self: "RendererHTML", tokens: "Sequence[Token]", index: int, options: "OptionsDict", env: "EnvType") -> str:
    tokens[index].attrs.clear()  # how a column is aligned would be an inline style, which our pages forbid
    return self.renderToken(tokens, index, options, env)
