"""Only the name of an installed package ever reaches apt's command line."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunebugger_updater.effects.apt_asking import is_version, words
from dunebugger_updater.model.packages import Package, is_package_name
from dunebugger_updater.ports import EffectError

TEN_THOUSAND = 10_000
HERE = {name: Package(name, "1.0") for name in ("bash", "g++", "libstdc++6", "libc6:arm64", "openssh-server", "0ad")}
HOSTILE = [
    *("openssh-server-", "bash-", "bash+", "g++-", "bash_", "bash=1", "bash/stable", "bash^", "lib.*", "^bash$", "*"),
    *(
        "--allow-downgrades",
        "-y",
        "-o",
        "--",
        "",
        " ",
        "bash ",
        " bash",
        "bash\n",
        "bash\x00",
        "bash;reboot",
        "$(reboot)",
    ),
    *(
        "--allow-downgrades x",
        " --reinstall bash",
        "bash openssh-server",
        "Bash",
        "b\u0430sh",
        "libc6:arm64-",
        "libc6:",
        ":arm64",
    ),
    *("libc6:arm64:arm64", "./bash.deb", "/tmp/x.deb", "../x", "a" * 300, "~nbash", "?name(bash)", "bash\tx", "task^"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_apt_could_read_as_something_else_is_refused(name: str) -> None:
    with pytest.raises(EffectError, match="no package of that name is installed"):
        words({name: "1.0"}, HERE)


@pytest.mark.parametrize("name", HERE)
def test_every_legal_name_that_is_installed_may_pass(name: str) -> None:
    assert words({name: "4:1.0-2~deb12u1"}, HERE) == [f"{name}=4:1.0-2~deb12u1"]


@pytest.mark.parametrize(
    "version", ["", "1.0-", "1.0+", "1 0", "1.0\n", "-1 x", "1.0/stable", "1.0=2", "$(x)", "1.0_2"]
)
def test_a_version_that_is_none_is_refused(version: str) -> None:
    assert not is_version(version)
    with pytest.raises(EffectError, match="no version apt would take"):
        words({"bash": version}, HERE)


NAMES = st.one_of(
    st.text(max_size=40),
    st.text(string.ascii_lowercase + string.digits + "+.-:_=/^*~ \n", max_size=30),
    st.sampled_from(list(HERE)).flatmap(lambda name: st.text("+-_=/^:* \n", max_size=2).map(lambda end: name + end)),
    st.sampled_from(HOSTILE),
)


def test_no_made_up_name_of_ten_thousand_passes_unless_it_is_installed() -> None:
    """From what names are made of, and real ones with something more: the same names each time."""
    chance = random.Random(14)
    signs = string.ascii_lowercase + string.digits + "+.-:_=/^*~?$ \n\t\0é"
    tried: set[str] = set()
    while len(tried) < TEN_THOUSAND:
        name = "".join(chance.choices(signs, k=chance.randrange(12)))
        if chance.random() < 0.5:
            real, at = chance.choice(list(HERE)), chance.randrange(14)
            name = real[:at] + name[:3] + real[at:]
        tried.add(name)
    for name in tried:
        _try([name])


@given(st.lists(NAMES, min_size=1, max_size=3, unique=True))
@settings(max_examples=300)
def test_no_made_up_name_passes_unless_it_is_installed(names: list[str]) -> None:
    _try(names)


def _try(names: list[str]) -> None:
    wanted = dict.fromkeys(names, "1.0")
    if all(name in HERE for name in names):
        assert words(wanted, HERE) == [f"{name}=1.0" for name in sorted(names)]
        return
    with pytest.raises(EffectError):
        words(wanted, HERE)


@given(st.text(max_size=30))
def test_a_name_that_dpkg_would_not_take_is_none_even_if_it_were_installed(name: str) -> None:
    legal = string.ascii_lowercase + string.digits + "+.-:"
    if is_package_name(name):
        assert set(name) <= set(legal)
        assert name[0].isalnum()
    else:
        with pytest.raises(EffectError):
            words({name: "1.0"}, {name: Package(name, "1.0")})
