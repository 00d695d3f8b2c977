"""``dunebugger-updater manifest keygen | sign | verify | keys``: signatures, for those who publish releases.

The edge of ``trust/``: reads and writes files, prints, answers an exit status.  A private key is never printed.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from dunebugger_updater.trust import Keyring, KeysDocument, Link, Refusal, Signature

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

DONE = 0
NOT_TRUSTED = 1
BAD = 2
_LIMIT = 1 << 20
"""Bytes that are read of any file."""
T = TypeVar("T")


class _WrongUseError(Exception):
    """What is wrong with the words or files that were given; a sentence."""


def add_arguments(commands: "Subparsers") -> None:
    """Hang the four below ``manifest``."""
    make = commands.add_parser("keygen", help="make a key pair for signing")
    make.add_argument("--output", required=True, type=Path, metavar="DIR", help="where NAME.key and NAME.pub go")
    make.add_argument("--name", default="release", metavar="NAME", help="release, unless you say otherwise")
    make.add_argument("--json", action="store_true", help="print one JSON document")
    make.set_defaults(handler=lambda arguments: _told(keygen, arguments))

    sign = commands.add_parser("sign", help="sign a manifest: writes its signature file, or adds to it")
    sign.add_argument("--key", action="append", required=True, metavar="FILE", help="NAME.key, or env:NAME")
    sign.add_argument("manifest", type=Path, metavar="MANIFEST")
    sign.add_argument("--json", action="store_true", help="print one JSON document")
    sign.set_defaults(handler=lambda arguments: _told(sign_, arguments))

    check = commands.add_parser("verify", help="say whether a manifest is signed by the keys that you trust")
    check.add_argument("--key", action="append", required=True, metavar="PUB", help="NAME.pub, or the key itself")
    check.add_argument("--threshold", type=int, default=1, metavar="N", help="so many of them must have signed")
    check.add_argument("manifest", type=Path, metavar="MANIFEST")
    check.add_argument("signatures", type=Path, nargs="?", metavar="SIG", help="else the file beside the manifest")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.set_defaults(handler=lambda arguments: _told(verify_, arguments))

    ring = commands.add_parser("keys", help="write the keys that a program trusts, or change them")
    ring.add_argument("--component", required=True, metavar="NAME", help="whose releases they sign")
    ring.add_argument("--key", action="append", required=True, metavar="PUB", help="each key that is trusted from now")
    ring.add_argument("--threshold", type=int, default=1, metavar="N", help="so many of them must sign")
    ring.add_argument("--revoke", action="append", default=[], metavar="KEYID", help="never to count again")
    ring.add_argument("--after", type=Path, metavar="FILE", help="what devices begin with: pinned.json or NAME.pub")
    ring.add_argument("--sign", action="append", default=[], metavar="FILE", help="private keys, old and new")
    ring.add_argument("--output", required=True, type=Path, metavar="FILE", help="pinned.json or update-keys.json")
    ring.add_argument("--json", action="store_true", help="print one JSON document")
    ring.set_defaults(handler=lambda arguments: _told(keys, arguments))


def keygen(arguments: argparse.Namespace) -> dict[str, object]:
    """Two new files, and nothing of the private one on the screen."""
    from dunebugger_updater.trust import signing  # noqa: PLC0415 - the library is for publishers only

    private = signing.new()
    there = signing.public(private)
    key, pub = (arguments.output / f"{arguments.name}.{end}" for end in ("key", "pub"))
    if pub.exists():
        raise _WrongUseError(f"cannot write {pub}: it is there already")
    arguments.output.mkdir(parents=True, exist_ok=True)
    _new_file(key, signing.pem(private), 0o600)
    _new_file(pub, f"{there.text}\n".encode(), 0o644)
    return {"keyid": there.id, "public": there.text, "files": [str(key), str(pub)]}


def sign_(arguments: argparse.Namespace) -> dict[str, object]:
    """The signature file with these signatures in it; a former one by the same key is replaced."""
    from dunebugger_updater.trust import signing  # noqa: PLC0415 - the library is for publishers only
    from dunebugger_updater.trust.signatures import LARGEST_CONTENT  # noqa: PLC0415 - the same

    content = _content(arguments.manifest)
    if len(content) > LARGEST_CONTENT:
        raise _WrongUseError(f"cannot sign {arguments.manifest}: devices take no more than {LARGEST_CONTENT} bytes")
    _readable(content, arguments.manifest)
    to = _beside(arguments.manifest)
    fresh = [signing.sign(content, _private(each)) for each in arguments.key]
    kept = [one for one in _former(to) if one.keyid not in {each.keyid for each in fresh}]
    found = {one.keyid: one for one in (*kept, *fresh)}
    _replace(to, signing.spelled(tuple(found.values())))
    return {"file": str(to), "keyids": list(found)}


def verify_(arguments: argparse.Namespace) -> "dict[str, object] | Refusal":
    """Who signed it, or why it is not trusted."""
    from dunebugger_updater.trust import Refusal, verify  # noqa: PLC0415 - keeps the program's start quick

    ring = _ring(arguments)
    content = _content(arguments.manifest)
    named = arguments.signatures
    beside = named or _beside(arguments.manifest)
    signatures = _content(beside) if named or beside.exists() else b""
    proof = verify(content, signatures, ring)
    return proof if isinstance(proof, Refusal) else {"file": str(arguments.manifest), "keyids": list(proof.by)}


def keys(arguments: argparse.Namespace) -> dict[str, object]:
    """The first keys document; or with ``--after`` the chain that leads from there to these keys."""
    from dunebugger_updater.trust import KeysDocument, follow, keyring, pinned  # noqa: PLC0415 - a quick start
    from dunebugger_updater.trust.rotation import Link  # noqa: PLC0415 - the same

    component: str = arguments.component
    texts = tuple(key.text for key in _ring(arguments).keys)
    if arguments.after is None:
        document = KeysDocument(
            component=component, version=1, keys=texts, threshold=arguments.threshold, revoked=tuple(arguments.revoke)
        )
        _good(pinned(_spelled(document), component))
        _replace(arguments.output, _spelled(document))
        return {"file": str(arguments.output), "version": 1}
    start = _content(arguments.after)
    base = _good(pinned(start, component) if start.lstrip()[:1] == b"{" else keyring(start.decode().split()))
    former = _links(arguments.output)
    here, _ = _good(follow(base, former, component))
    document = KeysDocument(
        component=component,
        version=here.version + 1,
        keys=texts,
        threshold=arguments.threshold,
        revoked=tuple(sorted(here.revoked | set(arguments.revoke))),
    )
    text = _spelled(document).decode()
    links = (*former, Link(text, _signed(text.encode(), arguments.sign)))
    _good(follow(base, links, component))
    _replace(arguments.output, _pretty(links))
    return {"file": str(arguments.output), "version": document.version}


def _told(command: "Callable[[argparse.Namespace], dict[str, object] | Refusal]", arguments: argparse.Namespace) -> int:
    from dunebugger_updater.trust import Refusal  # noqa: PLC0415 - keeps the program's start quick

    try:
        said = command(arguments)
    except _WrongUseError as problem:
        return _sorry(str(problem), "", BAD, as_json=arguments.json)
    except OSError as problem:
        return _sorry(f"cannot use {problem.filename}: {problem.strerror}", "", BAD, as_json=arguments.json)
    if isinstance(said, Refusal):
        return _sorry(said.sentence, said.reason, NOT_TRUSTED, as_json=arguments.json)
    if arguments.json:
        print(json.dumps({"valid": True, **said}))
    else:
        for name, value in said.items():
            print(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    return DONE


def _sorry(sentence: str, reason: str, status: int, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"valid": False, "reason": reason, "error": sentence}))
    else:
        print(f"{sentence} ({reason})" if reason else sentence, file=sys.stderr)
    return status


def _ring(arguments: argparse.Namespace) -> "Keyring":
    from dunebugger_updater.trust import keyring  # noqa: PLC0415 - keeps the program's start quick

    given: list[str] = arguments.key
    files = [Path(each) for each in given]
    texts = [
        _content(file).decode(errors="replace").strip() if file.is_file() else text
        for text, file in zip(given, files, strict=True)
    ]
    return _good(keyring(texts, arguments.threshold))


def _private(name: str) -> "Ed25519PrivateKey":
    from dunebugger_updater.trust import signing  # noqa: PLC0415 - the library is for publishers only

    if name.startswith("env:"):
        content = os.environ.get(name.removeprefix("env:"), "").encode()
    else:
        content = _content(Path(name))
    return _good(signing.private_key(content))


def _signed(content: bytes, names: list[str]) -> "tuple[Signature, ...]":
    from dunebugger_updater.trust import signing  # noqa: PLC0415 - the library is for publishers only
    from dunebugger_updater.trust.signatures import KEYS  # noqa: PLC0415 - the same

    found = [signing.sign(content, _private(each), KEYS) for each in names]
    return tuple({one.keyid: one for one in found}.values())


def _former(file: Path) -> "tuple[Signature, ...]":
    from dunebugger_updater.trust.signatures import parse  # noqa: PLC0415 - keeps the program's start quick

    return _good(parse(_content(file))) if file.exists() else ()


def _links(file: Path) -> "tuple[Link, ...]":
    from dunebugger_updater.trust import chain  # noqa: PLC0415 - keeps the program's start quick

    return _good(chain(_content(file))) if file.exists() else ()


def _readable(content: bytes, manifest: Path) -> None:
    """A signature that devices could do nothing with is not made."""
    from dunebugger_updater.manifest import Complaints, read  # noqa: PLC0415 - keeps the program's start quick

    found = read(content)
    if isinstance(found, Complaints):
        raise _WrongUseError(f"cannot sign {manifest}: {found.sentences[0]}")
    unsaid = [name for name in ("component", "repo", "sequence") if getattr(found, name) is None]
    if unsaid:
        raise _WrongUseError(f"cannot sign {manifest}: devices want it to say its {', its '.join(unsaid)}")


def _beside(manifest: Path) -> Path:
    return manifest.with_suffix(".sig")


def _spelled(document: "KeysDocument") -> bytes:
    import msgspec  # noqa: PLC0415 - keeps the program's start quick

    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"


def _pretty(links: "tuple[Link, ...]") -> bytes:
    import msgspec  # noqa: PLC0415 - keeps the program's start quick

    return msgspec.json.format(msgspec.json.encode(links)) + b"\n"


def _good(found: "T | Refusal") -> T:
    from dunebugger_updater.trust import Refusal  # noqa: PLC0415 - keeps the program's start quick

    if isinstance(found, Refusal):
        raise _WrongUseError(found.sentence)
    return found


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_LIMIT)


def _new_file(file: Path, content: bytes, mode: int) -> None:
    """Never over another: what it was the key of could not be signed any more."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _WrongUseError(f"cannot write {file}: it is there already") from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(handle)


def _replace(file: Path, content: bytes) -> None:
    aside = file.with_name(f".{file.name}.new")
    aside.write_bytes(content)
    aside.replace(file)
