"""Why something is not trusted: a code that programs can tell apart, and a sentence for a person."""

from typing import Literal, TypeAlias

import msgspec

Reason: TypeAlias = Literal[
    # the signature file, and who signed
    "no_keys",
    "content_too_large",
    "signature_missing",
    "signatures_too_large",
    "signatures_unreadable",
    "signatures_too_many",
    "signature_malformed",
    "signature_twice",
    "signature_unknown",
    "signature_wrong",
    "key_revoked",
    "threshold_missed",
    # keys, and how they change
    "key_malformed",
    "key_weak",
    "key_twice",
    "keys_too_large",
    "keys_unreadable",
    "keys_threshold_impossible",
    "keys_of_another",
    "keys_skipped",
    "keys_not_from_the_old",
    "keys_not_by_the_new",
    "keys_revived",
    "keys_unrevoked",
    # what the signed manifest says
    "manifest_missing",
    "manifest_unreadable",
    "manifest_unbounded",
    "component_unsaid",
    "component_other",
    "type_other",
    "repository_unsaid",
    "repository_other",
    "repository_id_other",
    "version_other",
    "channel_other",
    "sequence_unsaid",
    "issued_in_the_future",
    "expired",
    "rolled_back",
    "below_minimum",
    "sequence_reused",
    "fast_forward",
    "artifact_unnamed",
    "artifact_unlisted",
    "artifact_missing",
    "artifact_size",
    "artifact_digest",
    "artifact_machine",
    "image_unlisted",
    # what was signed once is not taken unsigned
    "signature_gone",
]


class Refusal(msgspec.Struct, frozen=True):
    """It is not trusted."""

    reason: Reason
    sentence: str
    """Lower case, "cannot …", and what to do where something can be done."""
