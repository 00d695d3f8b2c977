"""Draws what the demo prints, as an SVG: pipe the output of ``python -m dunebugger_updater demo`` into it.

Only scenes 3 to 5 (an update, a broken one, the way back) go into the picture; the words are the program's own.
"""

# ruff: noqa: INP001  (a script of its own, no part of a package)

import sys
from html import escape
from itertools import dropwhile, takewhile

FIRST, END = "3. ", "That was all"
LINE, LETTER, MARGIN, BAR, SIZE = 19, 7.9, 22, 34, 13
"""Pixels: a line's height, a letter's width, around the text, the bar on top, the font."""
WIDEST = 100
"""Letters."""
PAPER, FRAME, INK = "#10151c", "#2c3744", "#d5dde5"
SIGNS = {"✓": "#5fd38d", "✗": "#ff7b72", "↩": "#e3b341", "!": "#e3b341", "|": "#8b98a5"}
TITLE = "#79c0ff"


def scenes(text: str) -> list[str]:
    """The lines of the scenes that are drawn, none longer than there is room."""
    lines = dropwhile(lambda line: not line.startswith(FIRST), text.splitlines())
    wanted = [line.rstrip() for line in takewhile(lambda line: not line.startswith(END), lines)]
    while wanted and not wanted[-1]:
        wanted.pop()
    return [line if len(line) <= WIDEST else line[: WIDEST - 1] + "…" for line in wanted]


def colour(line: str) -> str:
    """The colour of a line, by the sign that it begins with."""
    return TITLE if line[:1].isdigit() else SIGNS.get(line.strip()[:1], INK)


def picture(lines: list[str]) -> str:
    """One SVG: a terminal with these lines in it."""
    width = round(2 * MARGIN + LETTER * max(map(len, lines)))
    height = BAR + MARGIN + LINE * len(lines) + MARGIN // 2
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{BAR + MARGIN + LINE * number}" fill="{colour(line)}">{escape(line)}</text>'
        for number, line in enumerate(lines)
        if line
    )
    dots = "".join(f'<circle cx="{MARGIN + 18 * n}" cy="{BAR // 2}" r="5" fill="{FRAME}"/>' for n in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="The demo: an update, a broken update, and the way back" xml:space="preserve" '
        f'font-family="\'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="{SIZE}">\n'
        f'<rect width="{width}" height="{height}" rx="9" fill="{PAPER}" stroke="{FRAME}"/>\n{dots}\n'
        f'<text x="{MARGIN + 66}" y="{BAR // 2 + 5}" fill="{SIGNS["|"]}">dunebugger-updater demo</text>\n'
        f"{rows}\n</svg>\n"
    )


if __name__ == "__main__":
    found = scenes(sys.stdin.read())
    if not found:
        sys.exit("cannot find the scenes of the demo in what was read: pipe its output into this script")
    sys.stdout.write(picture(found))
