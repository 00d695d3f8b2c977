"""Whose is what: the table of cases, and that nothing of the owner's falls between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunebugger_updater.model.local_data import Entry, Kind, decide, looks_like_configuration, normal

FILE, LINK, DIRECTORY = Kind.FILE, Kind.LINK, Kind.DIRECTORY


@pytest.mark.parametrize(
    ("mine", "before", "after", "carried", "beside", "told"),
    [
        pytest.param("a", None, None, True, False, False, id="the owner's own file"),
        pytest.param("a", None, "b", True, True, True, id="the owner's own file, and now the release has one too"),
        pytest.param("a", None, "a", False, False, False, id="the owner's own file came to be the release's"),
        pytest.param("a", "a", "b", False, False, False, id="shipped and never touched"),
        pytest.param("a", "a", None, False, False, False, id="shipped, never touched, shipped no more"),
        pytest.param("x", "a", "b", True, True, True, id="shipped and edited, and the new one differs"),
        pytest.param("x", "a", "a", True, False, True, id="shipped and edited, and the new one is as before"),
        pytest.param("x", "a", "x", False, False, False, id="edited to what the new release ships"),
        pytest.param("x", "a", None, True, False, True, id="shipped and edited, shipped no more"),
        pytest.param(None, "a", "b", True, True, True, id="the owner put a link where a file was"),
    ],
)
@pytest.mark.req("DB-088")
def test_a_file_goes_along_exactly_when_the_owner_made_or_changed_it(
    *, mine: str | None, before: str | None, after: str | None, carried: bool, beside: bool, told: bool
) -> None:
    old = {"app/x.conf": Entry(FILE if mine else LINK, mine)}
    shipped_old = {"app/x.conf": before} if before else {}
    new = {"app/x.conf": after} if after else {}
    decision = decide(old, shipped_old, new)
    assert decision.carry == ({"app/x.conf"} if carried else set())
    assert decision.beside == ({"app/x.conf": "app/x.conf.new"} if beside else {})
    assert decision.kept == (("app/x.conf",) if told else ())
    assert decision.displaced == ({"app/x.conf"} if carried and after else set())


@pytest.mark.parametrize(
    ("path", "carried"),
    [("app/main.py", False), ("app/x.ini", True), ("config/x.py", True), (".env", True), ("my.sqlite3", True)],
)
def test_when_nobody_knows_what_was_shipped_configuration_stays_and_code_is_renewed(path: str, carried: bool) -> None:
    decision = decide({path: Entry(FILE, "a")}, None, {path: "b"})
    assert (path in decision.carry) == carried
    assert decision.beside == ({path: f"{path}.new"} if carried else {})
    assert looks_like_configuration(path) == carried


def test_when_nobody_knows_what_was_shipped_whatever_the_new_release_lacks_stays() -> None:
    assert decide({"notes.txt": Entry(FILE)}, None, {"app.py": "b"}).carry == {"notes.txt"}


def test_what_the_owner_preserves_wins_silently_even_unedited() -> None:
    old = {"data": Entry(DIRECTORY), "data/a": Entry(FILE, "1"), "database": Entry(FILE, "1")}
    decision = decide(old, {"data/a": "1", "database": "1"}, {"data/a": "2", "database": "2"}, ("./data/",))
    assert decision.carry == {"data/a"}
    assert decision.displaced == {"data/a"}
    assert not decision.beside
    assert not decision.kept


def test_the_new_one_never_takes_the_name_of_something_else() -> None:
    old = {"x": Entry(FILE, "mine"), "x.new": Entry(FILE, "mine"), "y": Entry(FILE, "mine")}
    decision = decide(old, {}, {"x": "r", "x.new": "r", "y": "r", "y.new/z": "r"})
    assert len(set(decision.beside.values())) == 3
    assert not set(decision.beside.values()) & {"x", "x.new", "y", "y.new"}


def test_a_link_of_the_owner_displaces_a_whole_directory_of_the_release() -> None:
    decision = decide({"data": Entry(LINK)}, {"data/a": "1"}, {"data/a": "2", "data/b/c": "3"})
    assert decision.carry == {"data"}
    assert decision.displaced == {"data/a", "data/b/c"}
    assert decision.beside == {"data/a": "data.new/a", "data/b/c": "data.new/b/c"}
    assert decision.kept == ("data",)


def test_a_file_of_the_release_gives_way_to_a_directory_with_data_but_not_to_an_empty_one() -> None:
    full = decide({"d": Entry(DIRECTORY), "d/x": Entry(FILE)}, {}, {"d": "1"})
    assert full.directories == ("d",)
    assert full.displaced == {"d"}
    assert full.beside == {"d": "d.new"}
    empty = decide({"d": Entry(DIRECTORY), "d/e": Entry(DIRECTORY)}, {}, {"d": "1"})
    assert not empty.directories
    assert not empty.displaced


def test_empty_directories_go_along_unless_only_the_old_release_had_use_for_them() -> None:
    old = {"mine": Entry(DIRECTORY), "code": Entry(DIRECTORY), "code/a.py": Entry(FILE, "1")}
    assert decide(old, {"code/a.py": "1"}, {}).directories == ("mine",)


@pytest.mark.parametrize("path", ["", " ", "/etc", "..", "../x", "a/../..", "."])
def test_a_preserved_path_outside_the_installation_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="inside the installation"):
        normal(path)


PATHS = st.lists(st.sampled_from(["a", "b", "c.new", "a.new"]), min_size=1, max_size=3).map("/".join)
DIGESTS = st.sampled_from(["1", "2", "3"])


@given(st.dictionaries(PATHS, DIGESTS), st.dictionaries(PATHS, DIGESTS), st.dictionaries(PATHS, DIGESTS))
def test_no_byte_of_the_owner_is_ever_left_behind(
    files: dict[str, str], shipped: dict[str, str], new: dict[str, str]
) -> None:
    old = {path: Entry(FILE, digest) for path, digest in files.items()}
    decision = decide(old, shipped, new)
    for path, digest in files.items():
        if shipped.get(path) != digest:
            assert path in decision.carry or new.get(path) == digest
    # Nothing that stays of the release, and no copy beside, stands where something carried must go.
    names = set(new) - decision.displaced
    for path in decision.carry:
        assert not any(name == path or name.startswith(path + "/") or path.startswith(name + "/") for name in names)
    assert not set(decision.beside.values()) & (decision.carry | names)
    assert len(set(decision.beside.values())) == len(decision.beside)
