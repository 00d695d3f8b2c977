"""Where each page lives.  The one place that spells addresses: a hub puts the device before them, an agent nothing."""

from urllib.parse import quote, urlencode

import msgspec


def _safe(text: str) -> str:
    return quote(text, safe="")


class Places(msgspec.Struct, frozen=True):
    """The addresses of one device's pages."""

    prefix: str = ""
    """Without a slash at its end: empty on an agent, ``/devices/ID`` on a hub."""

    @property
    def home(self) -> str:
        return f"{self.prefix}/"

    @property
    def history(self) -> str:
        return f"{self.prefix}/history"

    @property
    def settings(self) -> str:
        return f"{self.prefix}/settings"

    @property
    def check(self) -> str:
        return f"{self.prefix}/check"

    @property
    def packages(self) -> str:
        return f"{self.prefix}/packages"

    @property
    def confirm(self) -> str:
        """Where an action is looked at before it is queued."""
        return f"{self.prefix}/actions/confirm"

    @property
    def actions(self) -> str:
        return f"{self.prefix}/actions"

    def action(self, action: str) -> str:
        return f"{self.actions}/{_safe(action)}"

    def decide(self, action: str) -> str:
        return f"{self.action(action)}/decide"

    def look_at(self, kind: str, service: str = "") -> str:
        """The confirmation of one kind of action, before it is queued."""
        return f"{self.confirm}?{urlencode({'type': kind, **({'service': service} if service else {})})}"

    def component(self, name: str) -> str:
        return f"{self.prefix}/components/{_safe(name)}"

    def plan(self, name: str) -> str:
        return f"{self.component(name)}/plan"

    def plan_back(self, name: str, to: str | None = None) -> str:
        return f"{self.plan(name)}?{urlencode({'verb': 'rollback', **({'to': to} if to else {})})}"

    def act(self, name: str, verb: str) -> str:
        """Where a form about one component goes: ``update``, ``rollback``, ``hold``."""
        return f"{self.component(name)}/{verb}"

    def run(self, run: str) -> str:
        return f"{self.prefix}/runs/{_safe(run)}"

    def cancel(self, run: str) -> str:
        return f"{self.run(run)}/cancel"

    def setting(self, what: str) -> str:
        """Where a form of the settings goes."""
        return f"{self.settings}/{what}"

    def history_of(self, component: str) -> str:
        return f"{self.history}?{urlencode({'component': component})}"
