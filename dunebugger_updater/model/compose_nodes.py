"""What a compose file says and exactly where: the parser's own positions, so that an edit touches nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from dunebugger_updater.model.interpolation import variables

if TYPE_CHECKING:
    import yaml

_MERGE = "tag:yaml.org,2002:merge"
_STRING = "tag:yaml.org,2002:str"


class Refusal(msgspec.Struct, frozen=True):
    """Why something is not done, as a sentence for a person."""

    why: str


class ImageScalar(msgspec.Struct, frozen=True):
    """The ``image`` of one service."""

    text: str
    """As written, without quotes."""
    start: int
    end: int
    """Where ``text`` stands, in characters."""
    shared_with: str | None
    """Another service that takes its image from the same place, by an anchor or by ``extends``."""
    elsewhere: frozenset[str]
    """Variables that the rest of the file uses, outside of this service."""


def find_image(text: str, service: str) -> ImageScalar | Refusal:
    """The image of ``service`` in a compose file, reached through anchors and merge keys where it is written there."""
    top = _document(text)
    if isinstance(top, Refusal):
        return top
    services = _entry(top, "services")
    mine = _entry(services, service)
    if mine is None or services is None:
        why = "it may come from another file by 'include'" if _entry(top, "include") else "is the name right?"
        return Refusal(f"there is no service {service} in the compose file: {why}")
    if _doubled(top) or _doubled(services) or _doubled(mine):
        return Refusal(f"a key is written twice on the way to the image of {service} in the compose file")
    image = _inherited(mine, "image")
    if image is None:
        return Refusal(_without_image(mine, service))
    return _scalar(text, top, services, service, image)


def _without_image(mine: "yaml.Node", service: str) -> str:
    if _entry(mine, "extends") is not None:
        return f"the image of {service} is written in another service or file, by 'extends'"
    if _inherited(mine, "build") is not None:
        return f"{service} is built on this machine ('build'), it has no image to change"
    return f"{service} has no image in the compose file"


def profiles_of(text: str, service: str) -> Sequence[str]:
    """The profiles without which compose does not see ``service``."""
    import yaml  # noqa: PLC0415  (slow to import, and only devices with containers need it)

    top = _document(text)
    if isinstance(top, Refusal):
        return ()
    listed = _inherited(_entry(_entry(top, "services"), service), "profiles")
    return tuple(each.value for each in listed.value) if isinstance(listed, yaml.SequenceNode) else ()


def project_name_of(text: str) -> str | None:
    """The top-level ``name`` of a compose file, as written."""
    top = _document(text)
    name = None if isinstance(top, Refusal) else _entry(top, "name")
    return None if name is None else str(name.value)


def only_difference(before: str, after: str, start: int) -> bool:
    """Whether two texts parse alike but for the value of the one scalar whose source covers ``start``."""
    import yaml  # noqa: PLC0415  (slow to import)

    try:
        old = list(yaml.parse(before, Loader=yaml.SafeLoader))
        new = list(yaml.parse(after, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return False
    if len(old) != len(new):
        return False
    changed = [one for one, other in zip(old, new, strict=True) if _meaning(one) != _meaning(other)]
    # The parser sets marks on everything that it reads; their types only say that they may be missing.
    where = [(one.start_mark, one.end_mark) for one in changed]
    return [first.index <= start <= last.index for first, last in where if first and last] == [True]


def _meaning(event: "yaml.Event") -> tuple[object, ...]:
    names = ("anchor", "tag", "implicit", "value", "style", "flow_style", "version", "tags")
    return (type(event), *(getattr(event, name, None) for name in names))


def _document(text: str) -> "yaml.Node | Refusal":
    import yaml  # noqa: PLC0415  (slow to import)

    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return Refusal(f"cannot read the compose file: {' '.join(str(error).split())}")
    except RecursionError:
        return Refusal("cannot read the compose file: it is nested too deeply")
    if top is None or _entry(top, "services") is None:
        return Refusal("there is no 'services' section in the compose file")
    return top


def _pairs(node: "yaml.Node | None") -> Sequence[tuple["yaml.Node", "yaml.Node"]]:
    import yaml  # noqa: PLC0415  (slow to import)

    return node.value if isinstance(node, yaml.MappingNode) else ()


def _entry(node: "yaml.Node | None", key: str) -> "yaml.Node | None":
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _inherited(node: "yaml.Node | None", key: str) -> "yaml.Node | None":
    return _flat(node).get(key)


def _flat(node: "yaml.Node | None") -> Mapping[str, "yaml.Node"]:
    """What a mapping has when merge keys (``<<``) are followed: its own first, then from the first base that has it."""
    import yaml  # noqa: PLC0415  (slow to import)

    found: dict[str, yaml.Node] = {}
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:  # an anchor may merge itself
            continue
        seen.add(id(each))
        bases: list[yaml.Node | None] = []
        for name, value in _pairs(each):
            if name.tag != _MERGE:
                found.setdefault(str(name.value), value)
            elif isinstance(value, yaml.SequenceNode):
                bases += value.value
            else:
                bases.append(value)
        waiting = bases + waiting  # depth first: what a base inherits counts before the next base
    return found


def _doubled(node: "yaml.Node") -> bool:
    names = [str(name.value) for name, _ in _pairs(node)]
    return len(names) != len(set(names))


def _scalar(
    text: str, top: "yaml.Node", services: "yaml.Node", service: str, image: "yaml.Node"
) -> ImageScalar | Refusal:
    import yaml  # noqa: PLC0415  (slow to import)

    if not isinstance(image, yaml.ScalarNode) or image.tag != _STRING:
        return Refusal(f"the image of {service} in the compose file is not a text")
    # The node's own start lies before its anchor or tag; the token's does not.
    token = next(
        token
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(token, yaml.ScalarToken) and token.end_mark.index == image.end_mark.index
    )
    quotes = 0 if token.plain else 1
    start, end = token.start_mark.index + quotes, token.end_mark.index - quotes
    if text[start:end] != image.value:
        return Refusal(f"the image of {service} in the compose file is written over several lines or with escapes")
    return ImageScalar(
        text=text[start:end],
        start=start,
        end=end,
        shared_with=_sharer(services, service, image),
        elsewhere=_used_elsewhere(top, services, service),
    )


def _sharer(services: "yaml.Node", service: str, image: "yaml.Node") -> str | None:
    for name, other in _pairs(services):
        if name.value == service:
            continue
        if any(node is image for node in _below(other)):
            return str(name.value)
        if _inherited(other, "image") is None and (parent := _entry(other, "extends")) is not None:
            source = parent if not _pairs(parent) else _entry(parent, "service")
            if source is not None and source.value == service:
                return str(name.value)
    return None


def _used_elsewhere(top: "yaml.Node", services: "yaml.Node", service: str) -> frozenset[str]:
    import yaml  # noqa: PLC0415  (slow to import)

    # What hangs under x-… counts only where another section refers to it.
    parts = [value for name, value in _pairs(top) if value is not services and not str(name.value).startswith("x-")]
    parts += [value for name, value in _pairs(services) if name.value != service]
    nodes = (node for part in parts for node in _below(part))
    return frozenset(name for node in nodes if isinstance(node, yaml.ScalarNode) for name in variables(node.value))


def _below(node: "yaml.Node") -> Iterator["yaml.Node"]:
    """``node`` and everything in it, each once: aliases may make it a graph, even one with circles."""
    import yaml  # noqa: PLC0415  (slow to import)

    seen: set[int] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, yaml.MappingNode):
            waiting += _flat(each).values()
        elif isinstance(each, yaml.SequenceNode):
            waiting += each.value
