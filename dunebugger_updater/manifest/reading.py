"""Bytes into a ``Manifest``, or into all that is wrong with them.

The types decide; this only walks along them so that a publisher hears of every mistake at once and not of the first.
"""

import re
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from dunebugger_updater.manifest.complaint import MOST, Complaint, Complaints, did_you_mean, gathered, shown
from dunebugger_updater.manifest.document import Manifest
from dunebugger_updater.manifest.sense import contradictions
from dunebugger_updater.manifest.tree import BROKEN, Node, below, parse, places, plain
from dunebugger_updater.manifest.words import PostCheck, PreCheck, RollbackStep, UpdateStep
from dunebugger_updater.model.codec import from_builtins

_LISTS = {
    "pre_update_checks": PreCheck,
    "update_steps": UpdateStep,
    "post_update_checks": PostCheck,
    "rollback_steps": RollbackStep,
}
_KINDS = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a map",
    type(None): "nothing",
}


def read(content: bytes) -> Manifest | Complaints:
    """The manifest in ``content`` (YAML or JSON, at most 128 KiB), or up to twenty complaints.  Never raises."""
    root, found = parse(content)
    if root is not None:
        for complaint in _walk(root, Manifest, ""):
            found.append(complaint)
            if len(found) > MOST:
                break
    if found or root is None:
        return gathered(found)
    try:
        manifest = from_builtins(plain(root), Manifest)
    except msgspec.ValidationError as refusal:
        message, _, place = str(refusal).partition(" - at `$")
        return located(((place.rstrip("`").removeprefix("."), f"cannot use this: {message}"),), root)
    objections = tuple(contradictions(manifest))
    return located(objections, root) if objections else manifest


def advice(manifest: Manifest, content: bytes) -> tuple[Complaint, ...]:
    """What a publisher had better add, although the manifest is taken without: every check and step described."""
    missing = tuple(
        (f"{name}[{number}]", "has no description: people read it before they say yes")
        for name in _LISTS
        for number, item in enumerate(getattr(manifest, name))
        if not item.description
    )
    return locate(missing, content).found


def locate(objections: tuple[tuple[str, str], ...], content: bytes) -> Complaints:
    """Pairs of field and sentence as complaints, with the places that they have in ``content``."""
    root, _ = parse(content)
    return located(objections, root or Node(1, 1, None))


def located(objections: tuple[tuple[str, str], ...], root: Node) -> Complaints:
    """The same with the tree at hand."""
    where = dict(places(root))
    return gathered(_at(field, message, where) for field, message in objections)


def _at(field: str, message: str, where: Mapping[str, Node]) -> Complaint:
    near = field
    while near not in where:
        near = near[: max(near.rfind("."), near.rfind("["), 0)]
    return Complaint(where[near].line, where[near].column, field, message)


def _walk(node: Node, kind: Any, path: str) -> Iterator[Complaint]:
    if node.value is BROKEN:
        return
    inner, origin = _bare(kind), get_origin(_bare(kind))
    if origin in {Union, types.UnionType}:
        choices = get_args(inner)
        if all(_is_struct(choice) for choice in choices):
            yield from _walk_tagged(node, choices, path)
            return
        if node.value is None:
            return
        yield from _walk(node, next(choice for choice in choices if choice is not type(None)), path)
    elif _is_struct(inner):
        yield from _walk_struct(node, inner, path)
    elif origin is tuple:
        if not isinstance(node.value, list):
            yield _wrong(node, "a list", path)
            return
        for number, item in enumerate(node.value):
            yield from _walk(item, get_args(inner)[0], below(path, number))
        yield from _too_many(node, kind, path)
    elif origin is dict:
        yield from _walk_map(node, kind, path)
    else:
        yield from _walk_leaf(node, kind, path)


def _walk_tagged(node: Node, choices: tuple[Any, ...], path: str) -> Iterator[Complaint]:
    if not isinstance(node.value, dict):
        yield _wrong(node, "a map", path)
        return
    tags = {choice.__struct_config__.tag: choice for choice in choices}
    field = choices[0].__struct_config__.tag_field
    what = "check" if field == "type" else "action"
    tag = node.value.get(field)
    if tag is None:
        yield Complaint(node.line, node.column, below(path, field), f"cannot tell which {what} this is: add {field}")
    elif tag.value is BROKEN:
        return
    elif not isinstance(tag.value, str):
        yield _wrong(tag, f"the name of a {what}", below(path, field))
    elif tag.value not in tags:
        elsewhere = [name for name, union in _LISTS.items() if tag.value in _tags(union)]
        hint = f": it belongs in {' or '.join(elsewhere)}" if elsewhere else did_you_mean(tag.value, tags)
        yield Complaint(tag.line, tag.column, below(path, field), f"cannot use {shown(tag.value)} as {what} here{hint}")
    else:
        yield from _walk_struct(node, tags[tag.value], path)


def _walk_struct(node: Node, kind: type[msgspec.Struct], path: str) -> Iterator[Complaint]:
    if not isinstance(node.value, dict):
        yield _wrong(node, "a map", path)
        return
    known = _fields(kind)
    tag_field = kind.__struct_config__.tag_field
    for key, item in node.value.items():
        if key in known:
            yield from _walk(item, known[key].type, below(path, key))
        elif key != tag_field:
            line, column = node.keys[key]
            clipped = key if len(key) <= MOST * 2 else f"{key[: MOST * 2]}…"
            hint = did_you_mean(key, {*known, *([tag_field] if tag_field else [])})
            yield Complaint(line, column, below(path, clipped), f"cannot use an unknown field{hint}")
    for name, field in known.items():
        if field.required and name not in node.value:
            yield Complaint(node.line, node.column, below(path, name), f"cannot do without {name}: add it")


def _walk_map(node: Node, kind: Any, path: str) -> Iterator[Complaint]:
    if not isinstance(node.value, dict):
        yield _wrong(node, "a map", path)
        return
    key_kind, value_kind = get_args(_bare(kind))
    for key, item in node.value.items():
        line, column = node.keys[key]
        yield from _walk_leaf(Node(line, column, key), key_kind, below(path, key[: MOST * 2]))
        yield from _walk(item, value_kind, below(path, key[: MOST * 2]))
    yield from _too_many(node, kind, path)


def _walk_leaf(node: Node, kind: Any, path: str) -> Iterator[Complaint]:
    meta = _meta(kind)
    expected = meta.description if meta and meta.description else None
    try:
        from_builtins(plain(node), kind)
    except msgspec.ValidationError as refusal:
        yield _wrong(node, expected or re.sub(r"^Expected ", "", str(refusal)).replace("`", ""), path)
        return
    objection = ((meta.extra or {}).get("objection") if meta else None) or (lambda _: None)
    why_not = objection(node.value)
    if why_not:
        yield Complaint(node.line, node.column, path, f"cannot use {shown(node.value)}: {why_not}")


def _wrong(node: Node, expected: str, path: str) -> Complaint:
    got = _KINDS.get(type(node.value), "this")
    if isinstance(node.value, str | int):
        got = f"{got} {shown(node.value)}"
    return Complaint(node.line, node.column, path, f"cannot use {got} here: expected {expected}")


def _too_many(node: Node, kind: Any, path: str) -> Iterator[Complaint]:
    meta = _meta(kind)
    if meta and meta.max_length is not None and len(node.value) > meta.max_length:
        yield Complaint(node.line, node.column, path, f"cannot take more than {meta.max_length} of these")


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _meta(kind: Any) -> msgspec.Meta | None:
    return kind.__metadata__[0] if get_origin(kind) is Annotated else None


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


@cache
def _tags(union: Any) -> frozenset[str]:
    return frozenset(choice.__struct_config__.tag for choice in get_args(union))
