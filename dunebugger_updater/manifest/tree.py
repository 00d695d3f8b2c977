"""YAML into plain values with the place of each, for a document that nobody vouches for.

Only what JSON can say: no anchors, tags, directives, second documents or double keys, and nothing that two readers of
YAML understand differently (``on``, ``010``, ``1:30``, ``1.10``).  The parser's events are counted as they come, so a
document that is too deep or too long is left before it is in memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dunebugger_updater.manifest.complaint import Complaint, shown

MOST_BYTES = 128 * 1024
MOST_NODES = 2000
DEEPEST = 16

BROKEN = object()
"""The value of a place that was complained about already."""

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,15})")
_NUMBERLIKE = re.compile(r"[-+]?\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"[-+]?0[xob][0-9a-fA-F_]+", re.IGNORECASE)
_CLOCK = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NO_NUMBER = re.compile(r"[-+]?\.?(?:inf|infinity|nan)", re.IGNORECASE)
_SWITCHES = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null"})
_PLAIN: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(slots=True)
class Node:
    """One value at one place.  ``value`` is a scalar, a list of nodes, or a dict of nodes."""

    line: int
    column: int
    value: Any
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where each key of a dict stands."""


Tree: TypeAlias = tuple[Node | None, list[Complaint]]


def below(path: str, key: str | int) -> str:
    """The field ``key`` in ``path``, as people write it."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def plain(node: Node) -> Any:
    """The same without places."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


def places(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every field of the tree with its node."""
    yield path, node
    if isinstance(node.value, list):
        for number, item in enumerate(node.value):
            yield from places(item, below(path, number))
    elif isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from places(item, below(path, key))


def word(text: str) -> tuple[bool | int | str | None, str | None]:
    """What a scalar without quotes means, and why it had better not be used if so."""
    if text in _PLAIN:
        return _PLAIN[text], None
    if _WHOLE.fullmatch(text) and abs(int(text)) <= 2**53:
        return int(text), None
    return text, _surprise(text)


def _surprise(text: str) -> str | None:
    if text.lower() in _SWITCHES:
        return f"cannot use {text}: readers differ whether it is true, false or text: write true or false, or quote it"
    if _NO_NUMBER.fullmatch(text):
        return f"cannot use {text}: it is no number"
    if _BASED.fullmatch(text) or _CLOCK.fullmatch(text) or _NUMBERLIKE.fullmatch(text):
        return f"cannot use {shown(text)}: readers differ which number it is: put it in quotes, or write it whole"
    return f"cannot use {text}: write out what it stands for" if text in {"<<", "="} else None


def _text_of(content: bytes) -> str | Complaint:
    if len(content) > MOST_BYTES:
        return Complaint(1, 1, "", f"cannot read {len(content)} bytes: a manifest has at most {MOST_BYTES}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = content[: problem.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode("utf-8", "replace")) + 1
        return Complaint(before.count(b"\n") + 1, column, "", "cannot read this: it is not UTF-8")
    strange = _FORBIDDEN.search(text)
    if strange:
        before_it = text[: strange.start()]
        line, column = before_it.count("\n") + 1, strange.start() - before_it.rfind("\n")
        return Complaint(line, column, "", f"cannot take the unseen character U+{ord(strange[0]):04X}: remove it")
    return text


def parse(content: bytes) -> Tree:
    """The tree of one document, as far as it could be read, and what is wrong with its form.  Never raises."""
    text = _text_of(content)
    if isinstance(text, Complaint):
        return None, [text]
    import yaml  # noqa: PLC0415 - heavy, and not needed to start the program

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            if not builder.take(event):
                break
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        why = " ".join(part for part in (problem.context, problem.problem) if part)
        builder.complain(line, column, f"cannot read this as YAML: {why}")
    except (yaml.YAMLError, ValueError) as problem:
        builder.complain(1, 1, f"cannot read this as YAML: {shown(str(problem))}")
    if builder.root is None and not builder.complaints:
        builder.complain(1, 1, "cannot read an empty manifest: it needs at least version and component_type")
    return builder.root if builder.whole else None, builder.complaints


class _Builder:
    """Takes the parser's events one by one; says no as soon as there is no point in going on."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.complaints: list[Complaint] = []
        self.whole = False
        self._open: list[tuple[Node, str]] = []
        self._key: list[str | None] = []
        self._dropped: set[int] = set()
        self._nodes = 0

    def complain(self, line: int, column: int, message: str, path: str | None = None) -> None:
        where = path if path is not None else self._path()
        self.complaints.append(Complaint(line, column, where, message))

    def take(self, event: Any) -> bool:
        kind = type(event).__name__
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if kind in {"MappingEndEvent", "SequenceEndEvent"}:
            self._open.pop()
            self._key.pop()
        elif kind == "DocumentStartEvent":
            if self.root is not None:
                self.complain(line, column, "cannot take a second document: a manifest is one", "")
                return False
            if event.version or event.tags:
                self.complain(line, column, "cannot take a directive (%YAML, %TAG): remove it", "")
        elif kind == "DocumentEndEvent":
            self.whole = True
        elif kind == "AliasEvent":
            self.complain(line, column, "cannot take a reference (*): write out what it stands for")
            self._nodes += 1
            if self._nodes > MOST_NODES or self._awaits_key():
                return False
            self._place(Node(line, column, BROKEN))
        elif kind in {"ScalarEvent", "MappingStartEvent", "SequenceStartEvent"}:
            return self._node(event, kind, line, column)
        return True

    def _path(self) -> str:
        """The field that the next node will be."""
        if not self._open:
            return ""
        holder, path = self._open[-1]
        if isinstance(holder.value, list):
            return below(path, len(holder.value))
        key = self._key[-1]
        return path if key is None else below(path, key)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0].value, dict) and self._key[-1] is None

    def _node(self, event: Any, kind: str, line: int, column: int) -> bool:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self.complain(line, column, f"cannot take more than {MOST_NODES} values in one manifest", "")
            return False
        if len(self._open) >= DEEPEST and kind != "ScalarEvent":
            self.complain(line, column, f"cannot take values nested more than {DEEPEST} deep", "")
            return False
        if event.anchor is not None:
            self.complain(line, column, "cannot take an anchor (&): write the value where it is needed")
        if event.tag is not None:
            self.complain(line, column, "cannot take a tag (!): remove it")
        if self._awaits_key():
            return self._take_key(event, kind, line, column)
        node = Node(line, column, [] if kind == "SequenceStartEvent" else {})
        path = self._path()
        if kind == "ScalarEvent":
            node.value = self._scalar(event, line, column)
        self._place(node)
        if kind != "ScalarEvent":
            self._open.append((node, path))
            self._key.append(None)
        return True

    def _take_key(self, event: Any, kind: str, line: int, column: int) -> bool:
        if kind != "ScalarEvent":
            self.complain(line, column, "cannot take a list or a map as a key")
            return False
        holder, path = self._open[-1]
        key: str = event.value
        meaning, why_not = (key, None) if event.style else word(key)
        strange = _FORBIDDEN.search(key)
        self._key[-1] = key
        if why_not or not isinstance(meaning, str) or strange:
            self.complain(line, column, why_not or f"cannot take {shown(key)} as a key: put it in quotes", path)
            self._dropped.add(len(self._key))
        elif key in holder.keys:
            first = holder.keys[key][0]
            self.complain(line, column, f"cannot take {shown(key)} twice: it stands on line {first} already")
        else:
            holder.keys[key] = (line, column)
        return True

    def _scalar(self, event: Any, line: int, column: int) -> Any:
        meaning, why_not = (event.value, None) if event.style else word(event.value)
        strange = _FORBIDDEN.search(event.value)
        if strange:
            why_not = f"cannot take the unseen character U+{ord(strange[0]):04X}: remove it"
        if why_not:
            self.complain(line, column, why_not)
            return BROKEN
        return meaning

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        holder = self._open[-1][0]
        if isinstance(holder.value, list):
            holder.value.append(node)
            return
        key = self._key[-1]
        if key is not None and len(self._key) not in self._dropped:
            holder.value.setdefault(key, node)
        self._dropped.discard(len(self._key))
        self._key[-1] = None
