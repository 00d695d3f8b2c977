"""The commands for publishers, run as they are on a command line."""

import hashlib
import json
from pathlib import Path

import pytest

from dunebugger_updater.manifest import Manifest, read
from dunebugger_updater.manifest_cli import main
from manifest_samples import EXAMPLES

MAKE = ["manifest", "generate", "--type", "python_app", "--version", "1.4.0"]


@pytest.mark.req("DB-096")
@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.update-manifest.yaml")), ids=lambda path: path.name)
def test_validating_an_example_says_what_it_is(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "validate", str(example)]) == 0
    out, err = capsys.readouterr()
    assert "a manifest for" in out
    assert err == ""


def test_a_bad_manifest_is_status_2_and_a_line_for_each_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "update-manifest.yaml"
    file.write_text("version: 1.4\ncomponent_type: python_app\nupdate_steps: [{action: reboot}]\n", encoding="utf-8")
    assert main(["manifest", "validate", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"{file}: line ") for line in lines] == [True, True]
    assert main(["manifest", "validate", str(file), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] is False
    assert [(one["line"], one["field"]) for one in answer["complaints"]] == [
        (1, "version"),
        (3, "update_steps[0].action"),
    ]


def test_a_missing_description_is_a_warning_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(
        'version: "1"\ncomponent_type: container\nupdate_steps: [{action: backup_compose}]\n', encoding="utf-8"
    )
    assert main(["manifest", "validate", str(file)]) == 0
    assert "warning: line 3, column 16, update_steps[0]: has no description" in capsys.readouterr().err
    assert main(["manifest", "validate", str(file), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 1


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_file_that_is_not_there_is_said_so(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "validate", "/nowhere/m.yaml", *more]) == 2
    told = capsys.readouterr()
    assert "cannot read /nowhere/m.yaml: No such file or directory" in told.out + told.err


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    assert main(["manifest", "validate", "/dev/zero"]) == 2


@pytest.mark.req("DB-094", "DB-095")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["yaml", "json"])
def test_a_generated_manifest_measures_the_artifact_and_can_be_validated(form: list[str], tmp_path: Path) -> None:
    artifact, target = tmp_path / "core-1.4.0.tar.gz", tmp_path / "update-manifest.yaml"
    artifact.write_bytes(b"x" * 3_000_000)
    words = [*MAKE, "--artifact", str(artifact), "--service", "dunebugger", "--requires", "remote >= 1.0", *form]
    assert main([*words, "--output", str(target)]) == 0
    manifest = read(target.read_bytes())
    assert isinstance(manifest, Manifest)
    (listed,) = manifest.artifacts
    assert listed.size == 3_000_000
    assert listed.sha256 == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert manifest.needs == {"remote": ">=1.0"}
    assert main(["manifest", "validate", str(target)]) == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--service", "a b"], "service_name"),
        (["--health-url", "http://127.1/"], "192.0.2.1"),
        (["--requires", "1.0"], "NAME >= VERSION"),
        (["--package", "x"], "NAME=VERSION"),
        (["--image", "x:1", "--digest", f"sha256:{'0' * 64}"], "images"),
        (["--artifact", "/nowhere/a.tar.gz"], "cannot read /nowhere/a.tar.gz"),
        (["--output", "/nowhere/m.yaml"], "cannot write /nowhere/m.yaml"),
        (["--minimum-mb", "0"], "minimum_mb"),
    ],
)
def test_what_makes_no_manifest_is_status_2_with_the_reason(
    more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*MAKE, *more]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


@pytest.mark.parametrize("words", [["manifest"], ["manifest", "sing"], ["manifest", "generate"], MAKE[:4]])
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)


def test_the_schema_is_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "schema"]) == 0
    assert capsys.readouterr().out == (EXAMPLES / "update-manifest.schema.json").read_text("utf-8")
