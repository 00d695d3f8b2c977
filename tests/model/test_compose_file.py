"""One tag changes, in one place, and every other character of the owner's files stays."""

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dunebugger_updater.model.compose_file import (
    ComposeEdit,
    ProjectText,
    Spelling,
    current_tag,
    edit_tag,
    image_of,
    put_back,
    text_of,
)
from dunebugger_updater.model.compose_nodes import Refusal, profiles_of, project_name_of

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
HOME = """\
# Impianto di Natale — città di Verona ⛄
services:
  remote:   # il telecomando
    image: marcosvitol/dunebugger-remote:latest     # Docker Hub
    network_mode: host
    env_file: .env
    volumes: [ "/proc:/host/proc:ro" ]
  scheduler:
    image: 'marcosvitol/dunebugger-scheduler:1.0.0-beta.8'
  nats-server:
    image: nats:latest
"""


def changed(text: ProjectText, service: str = "app", tag: str = "2.0", repository: str | None = None) -> ComposeEdit:
    done = edit_tag(text, service, repository, tag)
    assert isinstance(done, ComposeEdit), done
    return done


def refused(text: ProjectText, service: str = "app", tag: str = "2.0", repository: str | None = None) -> str:
    done = edit_tag(text, service, repository, tag)
    assert isinstance(done, Refusal), done
    return done.why


def one_service(image: str) -> str:
    return f"services:\n  app:\n    image: {image}  # why\n    restart: always\n  other:\n    image: nats:1.2\n"


IN_THE_COMPOSE_FILE = [
    ("repo:1.2", "repo:2.0", "repo:2.0"),
    ("'repo:1.2'", "'repo:2.0'", "repo:2.0"),
    ('"repo:1.2"', '"repo:2.0"', "repo:2.0"),
    ("repo", "repo:2.0", "repo:2.0"),
    ("'repo'", "'repo:2.0'", "repo:2.0"),
    ("127.0.0.1:5000/tb/app:1.0", "127.0.0.1:5000/tb/app:2.0", "127.0.0.1:5000/tb/app:2.0"),
    ("127.0.0.1:5000/tb/app", "127.0.0.1:5000/tb/app:2.0", "127.0.0.1:5000/tb/app:2.0"),
    ("repo:${TAG:-1.2}", "repo:${TAG:-2.0}", "repo:2.0"),
    ("repo:${TAG-1.2}", "repo:${TAG-2.0}", "repo:2.0"),
    ('"repo:${TAG:-1.2}"', '"repo:${TAG:-2.0}"', "repo:2.0"),
    ("${IMAGE:-ghcr.io/a/b:1.2}", "${IMAGE:-ghcr.io/a/b:2.0}", "ghcr.io/a/b:2.0"),
    ("${IMAGE:-repo}", "${IMAGE:-repo:2.0}", "repo:2.0"),
    ("repo:${TAG:-${OLD:-1.2}}", "repo:${TAG:-${OLD:-2.0}}", "repo:2.0"),
    ("repo:1.2${NOTHING:-}", "repo:2.0${NOTHING:-}", "repo:2.0"),
    ("repo:1.2${TAG:+-slim}", "repo:2.0${TAG:+-slim}", "repo:2.0"),
    ("&here repo:1.2", "&here repo:2.0", "repo:2.0"),
    ("!!str repo:1.2", "!!str repo:2.0", "repo:2.0"),
    (f"repo@{DIGEST}", "repo:2.0", "repo:2.0"),
    (f"repo:1.2@{DIGEST}", "repo:2.0", "repo:2.0"),
    (f"repo:${{TAG:-1.2@{DIGEST}}}", "repo:${TAG:-2.0}", "repo:2.0"),
    ("${REGISTRY:-ghcr.io}/a/b:1.2", "${REGISTRY:-ghcr.io}/a/b:2.0", "ghcr.io/a/b:2.0"),
]


@pytest.mark.req("DB-078")
@pytest.mark.parametrize(("before", "after", "image"), IN_THE_COMPOSE_FILE)
def test_the_tag_changes_where_it_stands_and_nothing_else(before: str, after: str, image: str) -> None:
    done = changed(ProjectText(one_service(before)))
    assert done.result.compose == one_service(after)
    assert done.image == image
    assert image_of(done.result, "app") == image
    assert current_tag(done.result, "app") == "2.0"


@pytest.mark.parametrize(("before", "after", "image"), IN_THE_COMPOSE_FILE)
def test_the_way_back_writes_the_owners_own_spelling(before: str, after: str, image: str) -> None:
    done = changed(ProjectText(one_service(before)))
    meanwhile = ProjectText("# by the owner\n" + done.result.compose + "  fourth: {image: four}\n")
    back = put_back(meanwhile, "app", done.was)
    assert isinstance(back, ComposeEdit)
    assert back.result.compose == "# by the owner\n" + one_service(before) + "  fourth: {image: four}\n"
    again = put_back(back.result, "app", done.was)
    assert isinstance(again, ComposeEdit)
    assert not again.changes


@pytest.mark.parametrize(("before", "after", "image"), IN_THE_COMPOSE_FILE)
def test_changing_it_twice_is_changing_it_once(before: str, after: str, image: str) -> None:
    done = changed(ProjectText(one_service(before)))
    again = changed(done.result)
    assert not again.changes
    assert again.result == done.result


IN_THE_ENV_FILE = [
    ("TAG=1.2\n", "TAG=2.0\n"),
    ("TAG=1.2", "TAG=2.0"),
    ("MODE=x\r\nTAG=1.2\r\nLAST=y\r\n", "MODE=x\r\nTAG=2.0\r\nLAST=y\r\n"),
    ("\ufeffTAG=1.2\n", "\ufeffTAG=2.0\n"),
    ("export TAG=1.2\n", "export TAG=2.0\n"),
    ("TAG='1.2'  # dall'installatore è così\n", "TAG='2.0'  # dall'installatore è così\n"),
    ('TAG = "1.2"\t# x\n', 'TAG = "2.0"\t# x\n'),
    ("TAG=1.2 # a comment\n", "TAG=2.0 # a comment\n"),
    ("#TAG=0.9\n\n  TAG=1.2  \nMYTAG=1.2\n", "#TAG=0.9\n\n  TAG=2.0  \nMYTAG=1.2\n"),
    ("TAG=1.0\nTAG=1.2\n", "TAG=1.0\nTAG=2.0\n"),
    ('KEY="two\nTAG=9.9\nlines"\nTAG=1.2\n', 'KEY="two\nTAG=9.9\nlines"\nTAG=2.0\n'),
    ("KEY='it\nTAG=9.9'\nTAG=1.2\n", "KEY='it\nTAG=9.9'\nTAG=2.0\n"),
    ("SECRET=a$b#c=1.2\nnonsense\nTAG=1.2\n", "SECRET=a$b#c=1.2\nnonsense\nTAG=2.0\n"),
]


@pytest.mark.req("DB-078")
@pytest.mark.parametrize(("before", "after"), IN_THE_ENV_FILE)
@pytest.mark.parametrize(
    "image", ["repo:${TAG:-0.1}", "repo:${TAG-0.1}", "repo:${TAG}", "repo:$TAG", "repo:${TAG:?set it}", "repo:${TAG?}"]
)
def test_a_tag_in_the_env_file_is_changed_there(before: str, after: str, image: str) -> None:
    text = ProjectText(one_service(f'"{image}"'), before)
    done = changed(text)
    assert done.result == ProjectText(text.compose, after)
    assert (done.edit.file, done.was, done.image) == ("env", Spelling("1.2", "TAG"), "repo:2.0")
    back = put_back(done.result, "app", done.was)
    assert isinstance(back, ComposeEdit)
    assert back.result == text


def test_a_whole_image_in_the_env_file_is_changed_there() -> None:
    done = changed(ProjectText(one_service("${APP}"), "APP=ghcr.io/a/b:1.2\n"))
    assert done.result.env == "APP=ghcr.io/a/b:2.0\n"
    assert done.was == Spelling("ghcr.io/a/b:1.2", "APP")


def test_an_empty_variable_leaves_the_default_in_charge() -> None:
    assert changed(ProjectText(one_service("repo:${TAG:-1.2}"), "TAG=\n")).result == ProjectText(
        one_service("repo:${TAG:-2.0}"), "TAG=\n"
    )


def test_the_first_users_file_is_kept_to_the_letter() -> None:
    done = changed(ProjectText(HOME), "remote", "1.0.0-beta.15", "docker.io/marcosvitol/dunebugger-remote")
    assert done.result.compose == HOME.replace("dunebugger-remote:latest", "dunebugger-remote:1.0.0-beta.15")
    back = put_back(done.result, "remote", done.was)
    assert isinstance(back, ComposeEdit)
    assert back.result.compose == HOME


def test_line_ends_marks_and_flow_style_are_the_owners() -> None:
    crlf = "\ufeff" + HOME.replace("\n", "\r\n")
    assert changed(ProjectText(crlf), "scheduler").result.compose == crlf.replace("1.0.0-beta.8", "2.0")
    flow = '{"services": {"app": {"image": "repo:1.2", "x": [1, "repo:1.2"]}}}'
    assert changed(ProjectText(flow)).result.compose == flow.replace("repo:1.2", "repo:2.0", 1)


def test_a_pin_of_the_owners_is_renewed_when_the_digest_is_known() -> None:
    done = edit_tag(ProjectText(one_service(f"repo:1.2@{DIGEST}")), "app", "repo", "2.0", OTHER)
    assert isinstance(done, ComposeEdit)
    assert done.result.compose == one_service(f"repo:2.0@{OTHER}")
    done = edit_tag(ProjectText(one_service("repo:1.2")), "app", "repo", "2.0", OTHER)
    assert isinstance(done, ComposeEdit)
    assert done.result.compose == one_service("repo:2.0")


def test_an_anchor_of_ones_own_is_followed() -> None:
    text = "x-base: &base\n  image: repo:1.2\nservices:\n  app:\n    <<: *base\n  other:\n    image: b:1\n"
    assert changed(ProjectText(text)).result.compose == text.replace("1.2", "2.0")
    text = "x-image: &image repo:1.2\nservices:\n  app: {image: *image}\n"
    assert changed(ProjectText(text)).result.compose == text.replace("1.2", "2.0")
    text = (
        "x-base: &base {image: a:1}\nservices:\n  app:\n    <<: [*base]\n    image: repo:1.2\n  other:\n    <<: *base\n"
    )
    assert changed(ProjectText(text)).result.compose == text.replace("1.2", "2.0")


REFUSALS = [
    ("x-base: &b\n  image: repo:1\nservices:\n  app: {<<: *b}\n  two: {<<: *b}\n", "app and two take their image"),
    ("x-i: &i repo:1\nservices:\n  app: {image: *i}\n  two: {image: *i}\n", "app and two take their image"),
    ("x-b: &b {image: 'r:1'}\nservices:\n  app: {<<: *b}\n  two: {labels: *b}\n", "app and two take their image"),
    ("services:\n  app: &a {image: 'r:1'}\n  two: *a\n", "app and two take their image"),
    ("services:\n  app: {image: 'r:1'}\n  two: {extends: app}\n", "app and two take their image"),
    ("services:\n  app: {image: 'r:1'}\n  two:\n    extends: {service: app}\n", "app and two take their image"),
    ("services:\n  app:\n    build: .\n", "built on this machine"),
    ("services:\n  app:\n    restart: always\n", "has no image"),
    ("services:\n  app:\n    extends: {file: common.yml, service: app}\n", "'extends'"),
    ("include: [more.yml]\nservices:\n  other: {image: a}\n", "'include'"),
    ("services:\n  other: {image: a}\n", "is the name right?"),
    ("services: []\n", "is the name right?"),
    ("app:\n  image: repo:1\n", "no 'services' section"),
    ("", "no 'services' section"),
    ("services:\n  app: {image: 'r:1'}\n---\nservices: {}\n", "cannot read the compose file"),
    ("services:\n  app:\n    image: [r\n", "cannot read the compose file"),
    ("services:\n\tapp: {image: r}\n", "cannot read the compose file"),
    ("services:\n  app: {image: 3}\n", "is not a text"),
    ("services:\n  app: {image: [a]}\n", "is not a text"),
    ("services:\n  app:\n    image: r:1\n    image: r:2\n", "written twice"),
    ("services:\n  app: {image: 'r:1'}\n  app: {image: 'r:1'}\n", "written twice"),
    ("services:\n  app:\n    image: >-\n      repo:1\n", "several lines or with escapes"),
    ('services:\n  app:\n    image: "repo\\x3a1"\n', "several lines or with escapes"),
    ("services:\n  app:\n    image: Repo:1\n", "names no image"),
    ("services:\n  app:\n    image: repo:$$1\n", "names no image"),
    ("services:\n  app:\n    image: repo:${TAG}\n", "the variable TAG is set nowhere"),
    ("services:\n  app:\n    image: repo:${TAG:?set it}\n", "the variable TAG is set nowhere"),
    ("services:\n  app:\n    image: repo:${TAG\n", "no closing brace"),
    ("services:\n  app:\n    image: repo:${1}\n", "no valid use of variables"),
    ("services:\n  app:\n    image: repo:${TAG!x}\n", "no valid use of a variable"),
    ("services:\n  app:\n    image: repo:${A:-1}.${B:-2}\n", "put together from several places"),
    ("services:\n  app:\n    image: repo:1.${B:-2}\n", "put together from several places"),
]


@pytest.mark.parametrize(("compose", "why"), REFUSALS)
def test_what_cannot_be_changed_alone_is_refused_in_a_sentence(compose: str, why: str) -> None:
    assert why in refused(ProjectText(compose))


def test_another_repository_is_refused() -> None:
    why = refused(ProjectText(one_service("ghcr.io/owner/app:1")), repository="ghcr.io/stranger/app")
    assert why == "the compose file runs app from ghcr.io/owner/app, not from ghcr.io/stranger/app"


def test_a_tag_that_is_none_is_refused() -> None:
    for tag in ("", "2.0 # x", "2.0@sha256:00", "-x", "a/b", "2\n", "x" * 129):
        assert "no image can have it" in refused(ProjectText(one_service("repo:1")), tag=tag)


def test_a_variable_of_the_process_is_in_no_file() -> None:
    text = ProjectText(one_service("repo:${TAG:-1}"), "TAG=1.2\n", {"TAG": "1.1"})
    assert image_of(text, "app") == "repo:1.1"
    assert "comes from the variable TAG of the updater's own environment" in refused(text)


def test_a_variable_that_others_use_too_is_refused() -> None:
    why = "gives app its tag, but the compose file uses it elsewhere too"
    for elsewhere in ("  two:\n    image: two:$TAG\n", "  two:\n    command: [x, '${A:-${TAG}}']\n", "name: x${TAG}\n"):
        assert why in refused(ProjectText("services:\n  app:\n    image: repo:${TAG}\n" + elsewhere, "TAG=1\n"))
    mine = "x-doc: ${TAG}\nservices:\n  app:\n    image: repo:${TAG}\n    environment: ['V=${TAG}', '$$TAGGED']\n"
    assert changed(ProjectText(mine, "TAG=1\n")).result.env == "TAG=2.0\n"


def test_a_value_made_of_others_is_refused() -> None:
    assert "names no image" in refused(ProjectText(one_service("repo:$TAG"), "A=1\nTAG=$A\n"))


def test_a_variable_that_is_gone_cannot_be_put_back() -> None:
    back = put_back(ProjectText(one_service("repo:${TAG:-1}"), "OTHER=1\n"), "app", Spelling("1.2", "TAG"))
    assert back == Refusal("cannot put TAG=1.2 back: it is no longer in the .env file")


def test_the_way_back_does_not_touch_a_neighbour_that_came_to_share_the_line() -> None:
    text = "x-i: &i repo:2\nservices:\n  app: {image: *i}\n  two: {image: *i}\n"
    back = put_back(ProjectText(text), "app", Spelling("repo:1"))
    assert isinstance(back, Refusal)


def test_a_spelling_that_would_break_the_file_is_not_put_back() -> None:
    for text in ("repo:1\n    privileged: true", "repo:1 # x", "{a: b}", "*x"):
        assert isinstance(put_back(ProjectText(one_service("repo:2")), "app", Spelling(text)), Refusal)
    for text in ("1 # x", "1\nTAG=3", " 1", "'1'"):
        assert isinstance(put_back(ProjectText(one_service("repo:$T"), "T=2\n"), "app", Spelling(text, "T")), Refusal)


def test_bytes_that_are_no_text_are_refused() -> None:
    assert text_of(b"image: caf\xe9\n", "/opt/x.yml") == Refusal("cannot read /opt/x.yml: byte 10 is not UTF-8")
    assert text_of("\ufeffé".encode(), "x") == "\ufeffé"


def test_circles_and_thousand_fold_aliases_are_survived() -> None:
    bomb = "x-0: &a0 [x, x]\n" + "".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    text = bomb + "services:\n  app: {image: 'r:1', labels: *a29}\n  two: &t {image: b, x: [*t, *a29]}\n"
    assert changed(ProjectText(text)).image == "r:2.0"


def test_a_neighbour_that_has_an_image_of_its_own_shares_nothing() -> None:
    text = "x-b: &b {image: 'r:1'}\nservices:\n  app: {<<: *b}\n  two: {<<: *b, image: 'other:1'}\n"
    assert changed(ProjectText(text)).result.compose == text.replace("r:1", "r:2.0", 1)


def test_the_nearest_merged_image_is_the_one() -> None:
    text = (
        "x-a: &a {image: 'deep:1'}\nx-b: &b\n  <<: *a\nx-c: &c {image: 'late:1'}\n"
        "services:\n  app:\n    <<: [*b, *c]\n  two:\n    <<: *c\n"
    )
    assert changed(ProjectText(text)).result.compose == text.replace("deep:1", "deep:2.0")
    assert yaml.safe_load(text)["services"]["app"]["image"] == "deep:1"


def test_a_service_that_merges_itself_has_no_image() -> None:
    assert "has no image" in refused(ProjectText("services:\n  app: &a {<<: {<<: *a}, restart: always}\n"))


def test_a_service_may_be_called_what_yaml_takes_for_yes() -> None:
    assert changed(ProjectText("services:\n  on:\n    image: a:1\n"), "on").image == "a:2.0"


def test_profiles_and_the_name_are_read() -> None:
    text = "name: show\nservices:\n  app:\n    image: a\n    profiles: [live, 'x']\n  two: {image: b}\n"
    assert profiles_of(text, "app") == ("live", "x")
    assert profiles_of(text, "two") == ()
    assert project_name_of(text) == "show"
    assert (profiles_of("[", "app"), project_name_of("[")) == ((), None)


comments = st.text(
    alphabet=string.printable.replace("\t", "").replace("\x0b", "").replace("\x0c", "") + "éè☃", max_size=20
)
quotes = st.sampled_from(["", "'", '"'])
blanks = st.integers(min_value=1, max_value=6).map(lambda count: " " * count)


@given(comments, quotes, blanks, blanks, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["repo", "a.b:5/x/repo"]))
def test_whatever_stands_around_it_stays(
    comment: str, quote: str, indent: str, gap: str, end: str, repository: str
) -> None:
    note = "# repo:1.2 " + " ".join(comment.split())
    lines = [
        note,
        "services:",
        f"{indent}nine: {{image: repo:1.2}} {note}",
        f"{indent}app:{gap}{note}",
        f"{indent * 2}labels: ['repo:1.2', image]",
        f"{indent * 2}image:{gap}{quote}{repository}:1.2{quote}{gap}{note}",
        f"{indent * 2}command: repo:1.2",
    ]
    before = end.join(lines) + end
    done = changed(ProjectText(before))
    lines[5] = f"{indent * 2}image:{gap}{quote}{repository}:2.0{quote}{gap}{note}"
    assert done.result.compose == end.join(lines) + end
    old, new = yaml.safe_load(before), yaml.safe_load(done.result.compose)
    assert new["services"]["app"].pop("image") == f"{repository}:2.0"
    del old["services"]["app"]["image"]
    assert new == old
