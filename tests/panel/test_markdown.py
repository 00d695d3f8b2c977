"""Release notes from strangers: whatever they hold, a reader can only read."""

from html.parser import HTMLParser
from itertools import product

import pytest

from panel.markdown import LONGEST, harmless, rendered

TAGS = {
    "p", "em", "strong", "s", "a", "ul", "ol", "li", "code", "pre", "blockquote", "hr", "br",
    "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ATTRIBUTES = {"href", "rel", "title", "start", "class"}
ELEMENTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>@import 'https://example.org/x.css'</style>",
    "<link rel=stylesheet href=https://example.org/x.css>",
    "<meta http-equiv=refresh content='0;url=https://example.org'>",
    "<form action=https://example.org><button>x</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<body onload=alert(1)>",
    "<object data=https://example.org/x></object>",
    "<embed src=https://example.org/x>",
    "<base href=https://example.org>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<details open ontoggle=alert(1)>",
    "<video src=x onerror=alert(1)></video>",
    "<!--><script>alert(1)</script-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php alert(1) ?>",
    "<template><script>alert(1)</script></template>",
    "</div></main><script>alert(1)</script>",
    "<ScRiPt\n>alert(1)</sCrIpT\n>",
    "<img src='https://example.org/pixel.png' width=1>",
)
AROUND = ("{}", "before {} after", "- {}", "> {}", "# {}", "`{}`", "| a |\n|---|\n| {} |", "**{}**")
ADDRESSES = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
    "java&#10;script:alert(1)", "&#106;avascript:alert(1)", "javascript&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zz4=", "vbscript:msgbox(1)", "file:///etc/passwd", "blob:https://example.org/1",
    "//example.org/x", "/logout", "?done=x", "#main", "\\\\example.org", "mailto:a@example.org", "ftp://example.org",
    "https:example.org", "http:///path", "http://[bad", "view-source:https://example.org",
)  # fmt: skip
LINKS = ("[x](<{}>)", "[x]({})", "<{}>", "[x][1]\n\n[1]: {}", "![alt text]({})", '[x]({} "title")')
CORPUS = [
    *(around.format(element) for element, around in product(ELEMENTS, AROUND)),
    *(link.format(address) for address, link in product(ADDRESSES, LINKS)),
]


class Reader(HTMLParser):
    """What a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("!", {decl: None}))

    def handle_comment(self, data: str) -> None:
        self.found.append(("!--", {data: None}))


def read(text: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(str(rendered(text)))
    reader.close()
    return reader.found


def test_the_corpus_is_large() -> None:
    assert len(set(CORPUS)) >= 200


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_notes_become_nothing_but_text_and_links_to_the_web(text: str) -> None:
    for tag, attributes in read(text):
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        if tag == "a":
            assert str(attributes["href"]).startswith(("http://", "https://"))
            assert {"noopener", "nofollow"} <= set(str(attributes["rel"]).split())


def test_a_link_to_the_web_stays_a_link() -> None:
    (_, (tag, attributes)) = read("[notes](https://example.org/a?b=1&c=2)")
    assert (tag, attributes["href"]) == ("a", "https://example.org/a?b=1&c=2")


def test_an_image_is_replaced_by_its_words() -> None:
    assert str(rendered("![a **dune**](https://example.org/dune.png)")) == "<p><em>a dune</em></p>\n"


def test_words_of_an_image_are_text_even_when_they_look_like_a_tag() -> None:
    assert str(rendered("![<b onclick=x>](https://example.org/i.png)")) == ("<p><em>&lt;b onclick=x&gt;</em></p>\n")


def test_headings_of_notes_stand_below_those_of_the_page() -> None:
    assert [tag for tag, _ in read("# one\n\n## two\n\n### three\n\n###### six")] == ["h3", "h3", "h4", "h6"]


def test_no_inline_style_reaches_the_page_for_the_policy_forbids_it() -> None:
    assert all("style" not in attributes for _, attributes in read("| a |\n|:-:|\n| b |"))


def test_an_essay_is_cut_and_nesting_does_not_run_away() -> None:
    assert len(rendered("x" * (LONGEST * 3))) < LONGEST + 100
    assert rendered("> " * 5000 + "deep")
    assert rendered("[" * 20_000)


def test_nothing_becomes_nothing() -> None:
    assert (str(rendered(None)), str(rendered(""))) == ("", "")


@pytest.mark.parametrize("address", ["https://example.org", "http://192.0.2.1:8080/x"])
def test_the_web_is_harmless(address: str) -> None:
    assert harmless(address)
