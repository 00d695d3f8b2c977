"""Update manifests: guests from the network that may choose among words we know, and widen nothing.

``read`` turns bytes into a ``Manifest`` or into complaints with line and field; ``admit`` holds a manifest to what the
owner's configuration gave to the component, and answers the facts that planning may use (``guidance`` does both).
"""

from dunebugger_updater.manifest.addresses import Origin, origin_of
from dunebugger_updater.manifest.admission import admit, guidance
from dunebugger_updater.manifest.bounds import Bounds, Guidance, Migrations
from dunebugger_updater.manifest.complaint import Complaint, Complaints
from dunebugger_updater.manifest.document import Artifact, Image, Manifest
from dunebugger_updater.manifest.reading import read
from dunebugger_updater.manifest.writing import Facts, generate, json_schema, to_yaml

__all__ = [
    "Artifact",
    "Bounds",
    "Complaint",
    "Complaints",
    "Facts",
    "Guidance",
    "Image",
    "Manifest",
    "Migrations",
    "Origin",
    "admit",
    "generate",
    "guidance",
    "json_schema",
    "origin_of",
    "read",
    "to_yaml",
]
