"""What engines and registries say when they say no, in sentences for a person."""

from dunebugger_updater.model.image_reference import image_name, registry_of

_GONE = ("manifest unknown", "not found", "name unknown", "no such image")
_DENIED = ("unauthorized", "denied", "authentication required")


def registry_sentence(reference: str, told: str) -> str:
    """Why an image is not to be had from its registry; ``told`` is what the engine says about it."""
    small = told.lower()
    name = image_name(reference)
    host = registry_of(name.repository) if name else reference
    if any(sign in small for sign in _DENIED):
        return (
            f"cannot read {reference} in the registry: access denied (the name is wrong, or the image is private and "
            f"this machine is not logged in to {host})"
        )
    if "toomanyrequests" in small or "rate limit" in small:
        return f"cannot ask {host} for {reference} now: it limits how often, try again later"
    if "no matching manifest" in small:
        return f"cannot use {reference}: it does not exist for this machine's platform"
    if "dial tcp" not in small and any(sign in small for sign in _GONE):
        if name and name.digest:
            return f"cannot pull {reference}: the registry has it no more, the tag moved between the plan and the pull"
        return f"cannot find {reference} in the registry (not pushed yet, or the name is wrong)"
    return f"cannot reach registry {host} for {reference}: {told}"


def silent(reference: str, patience: float) -> str:
    """A registry sent nothing for ``patience`` seconds."""
    name = image_name(reference)
    return f"cannot reach registry {registry_of(name.repository) if name else ''}: nothing came for {patience:g} s"


def unreachable(host: str, told: str, patience: float) -> str:
    """Why the engine at ``host`` cannot be spoken with; ``told`` is the system's error."""
    small = told.lower()
    if "permission denied" in small:
        return f"cannot use the Docker engine at {host}: permission denied: run as root, or join the group docker"
    for sign, why in (
        ("no such file", "it is not running"),
        ("connection refused", "it is not running"),
        ("timed out", f"it did not answer within {patience:g} s"),
        ("remote end closed", "it broke the connection off"),
    ):
        if sign in small:
            return f"cannot reach the Docker engine at {host}: {why}"
    return f"cannot reach the Docker engine at {host}: {' '.join(told.split())}"
