"""``dunebugger-updater manifest validate | generate | schema``: for those who publish releases.

The edge of ``manifest/``: reads files and arguments, prints, answers an exit status; decides nothing itself.
What signs is in ``manifest_keys_cli``.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dunebugger_updater.manifest import Artifact

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

DONE = 0
BAD = 2
_BLOCK = 1 << 20
_TOO_LONG = 1 << 20


def add_arguments(subparsers: "Subparsers") -> None:
    """Hang ``manifest`` and its commands below a parser's commands; each sets ``handler(arguments) -> int``."""
    group = subparsers.add_parser("manifest", help="make and check update manifests, for those who publish releases")
    commands = group.add_subparsers(dest="manifest_command", required=True, metavar="COMMAND")

    check = commands.add_parser("validate", help="say what is wrong with a manifest, line by line")
    check.add_argument("file", metavar="FILE", help="update-manifest.yaml or .json; - for standard input")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.set_defaults(handler=validate)

    make = commands.add_parser("generate", help="write the manifest of a release")
    make.add_argument("--type", required=True, choices=("python_app", "container", "apt"), dest="component_type")
    make.add_argument("--version", required=True, dest="release_version", metavar="VERSION")
    make.add_argument("--component", metavar="NAME")
    make.add_argument("--description", default="", metavar="TEXT")
    make.add_argument("--artifact", action="append", default=[], type=Path, metavar="FILE", help="measured, not copied")
    make.add_argument("--arch", metavar="MACHINE", help="what the artifacts are for, as `uname -m` says it")
    make.add_argument("--download-url", metavar="URL", help="where the artifact will lie")
    make.add_argument("--image", metavar="REF", help="with its tag: ghcr.io/owner/name:1.4.0")
    make.add_argument("--digest", metavar="sha256:HEX", help="the image's digest")
    make.add_argument("--package", action="append", default=[], metavar="NAME=VERSION")
    make.add_argument("--service", metavar="NAME", help="the unit, or the compose service")
    make.add_argument("--container", metavar="NAME")
    make.add_argument("--requirements", metavar="PATH", help="the requirements file inside the release")
    make.add_argument("--migrations", metavar="PATH", help="the migration script inside the release")
    make.add_argument("--health-url", metavar="URL")
    make.add_argument("--minimum-mb", type=int, default=500, metavar="MB")
    make.add_argument("--timeout", type=int, default=60, metavar="SECONDS", help="how long the service may take to run")
    make.add_argument("--requires", action="append", default=[], metavar="'NAME >= VERSION'")
    make.add_argument("--breaking", action="store_true", help="people must read the notes before they update")
    make.add_argument("--repo", metavar="OWNER/NAME")
    make.add_argument("--commit", metavar="SHA")
    make.add_argument("--channel", choices=("stable", "prerelease"))
    make.add_argument("--repo-id", type=int, metavar="N", help="the number that survives a renaming")
    make.add_argument("--sequence", type=int, metavar="N", help="grows with every release; signed manifests need it")
    make.add_argument("--min-sequence", type=int, metavar="N", help="nothing below this is safe any more")
    make.add_argument("--issued", metavar="TIME", help="such as 2026-11-20T08:00:00Z")
    make.add_argument("--expires", metavar="TIME", help="when devices should begin to wonder why nothing newer came")
    make.add_argument("--output", type=Path, metavar="FILE", help="else standard output")
    make.add_argument("--json", action="store_true", help="write the manifest as JSON, which is YAML too")
    make.set_defaults(handler=generate)

    show = commands.add_parser("schema", help="print the JSON Schema of a manifest")
    show.add_argument("--json", action="store_true", help="it is JSON in any case")
    show.set_defaults(handler=schema)

    from dunebugger_updater import manifest_keys_cli  # noqa: PLC0415 - it stands on this one

    manifest_keys_cli.add_arguments(commands)


def validate(arguments: argparse.Namespace) -> int:
    """0 for a manifest that can be read, 2 with every complaint otherwise."""
    from dunebugger_updater.manifest import Complaints, read  # noqa: PLC0415 - keeps the program's start quick
    from dunebugger_updater.manifest.reading import advice  # noqa: PLC0415 - the same

    try:
        content = _content(arguments.file)
    except OSError as problem:
        return _refuse(f"cannot read {arguments.file}: {problem.strerror}", as_json=arguments.json)
    manifest = read(content)
    bad = isinstance(manifest, Complaints)
    complaints = manifest.found if isinstance(manifest, Complaints) else ()
    hints = () if isinstance(manifest, Complaints) else advice(manifest, content)
    if arguments.json:
        lists = {"complaints": complaints, "warnings": hints}
        told = {name: [_plain(one) for one in found] for name, found in lists.items()}
        print(json.dumps({"file": arguments.file, "valid": not bad, **told}))
        return BAD if bad else DONE
    for complaint in complaints:
        print(f"{arguments.file}: {complaint.sentence}", file=sys.stderr)
    for hint in hints:
        print(f"{arguments.file}: warning: {hint.sentence}", file=sys.stderr)
    if not isinstance(manifest, Complaints):
        kind, version = manifest.component_type, manifest.version
        print(f"{arguments.file}: a manifest for {kind} {version}")
    return BAD if bad else DONE


def generate(arguments: argparse.Namespace) -> int:
    """0 and a manifest that ``validate`` takes, or 2 and the reason."""
    from dunebugger_updater.manifest import Facts, to_yaml  # noqa: PLC0415 - a quick start
    from dunebugger_updater.manifest import generate as made_from  # noqa: PLC0415 - the same
    from dunebugger_updater.model.codec import to_json  # noqa: PLC0415 - the same

    try:
        facts = Facts(
            version=arguments.release_version,
            component_type=arguments.component_type,
            component=arguments.component,
            description=arguments.description,
            artifacts=tuple(_measured(path, arguments.arch) for path in arguments.artifact),
            download_url=arguments.download_url,
            image=arguments.image,
            digest=arguments.digest,
            packages=dict(_pair(text, "=", "--package NAME=VERSION") for text in arguments.package),
            service=arguments.service,
            container=arguments.container,
            requirements_file=arguments.requirements,
            migrations=arguments.migrations,
            health_url=arguments.health_url,
            minimum_mb=arguments.minimum_mb,
            start_limit=arguments.timeout,
            requires=dict(_requirement(text) for text in arguments.requires),
            breaking=arguments.breaking,
            repo=arguments.repo,
            commit=arguments.commit,
            channel=arguments.channel,
            repo_id=arguments.repo_id,
            sequence=arguments.sequence,
            min_sequence=arguments.min_sequence,
            issued=arguments.issued,
            expires=arguments.expires,
        )
        manifest = made_from(facts)
    except OSError as problem:
        return _refuse(f"cannot read {problem.filename}: {problem.strerror}", as_json=False)
    except ValueError as problem:
        return _refuse(f"cannot make this manifest: {problem}", as_json=False)
    text = to_json(manifest).decode() + "\n" if arguments.json else to_yaml(manifest)
    if arguments.output is None:
        sys.stdout.write(text)
        return DONE
    try:
        arguments.output.write_text(text, encoding="utf-8")
    except OSError as problem:
        return _refuse(f"cannot write {arguments.output}: {problem.strerror}", as_json=False)
    return DONE


def schema(_: argparse.Namespace) -> int:
    """Prints the JSON Schema."""
    from dunebugger_updater.manifest.writing import schema_text  # noqa: PLC0415 - keeps the program's start quick

    sys.stdout.write(schema_text())
    return DONE


def main(words: Sequence[str]) -> int:
    """These commands alone, for a release workflow that needs nothing else: ``python -m … manifest validate FILE``."""
    parser = argparse.ArgumentParser(prog="dunebugger-updater")
    add_arguments(parser.add_subparsers(required=True, metavar="COMMAND"))
    arguments = parser.parse_args(words)
    status: int = arguments.handler(arguments)
    return status


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(_TOO_LONG)
    with Path(name).open("rb") as file:
        return file.read(_TOO_LONG)


def _measured(path: Path, arch: str | None) -> "Artifact":
    from dunebugger_updater.manifest import Artifact  # noqa: PLC0415 - keeps the program's start quick

    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return Artifact(path.name, size, digest.hexdigest(), arch)


def _pair(text: str, sign: str, form: str) -> tuple[str, str]:
    name, found, value = text.partition(sign)
    if not found:
        raise ValueError(f"{text!r} is not of the form {form}")
    return name.strip(), value.strip()


def _requirement(text: str) -> tuple[str, str]:
    name = re.match(r"\s*([a-z][a-z0-9_-]*)\s*", text)
    if not name:
        raise ValueError(f"{text!r} is not of the form --requires 'NAME >= VERSION'")
    return name[1], re.sub(r"\s+", "", text[name.end() :])


def _plain(complaint: object) -> object:
    from dunebugger_updater.model.codec import to_builtins  # noqa: PLC0415 - keeps the program's start quick

    return to_builtins(complaint)


def _refuse(sentence: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"valid": False, "error": sentence}))
    else:
        print(sentence, file=sys.stderr)
    return BAD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
