"""Signed reviews of one artefact by people: what a policy may ask for beyond every figure.

A review is a small JSON file with a signature beside it (`<name>.json.sig`, ECDSA over SHA-256, base64), made by `wellgate review` with
the reviewer's own key. The recipe names whose public keys count. A review holds for one artefact and one report, and for no other.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from eval.statement import read_report
from wellgate.errors import GateRefusal, InputError
from wellgate.files import sha256_file, write_text
from wellgate.records import Frozen

Role = Literal["clinician", "lived_experience", "safety"]


class Review(Frozen):
    """What one person says about one artefact."""

    role: Role
    reviewer: Annotated[str, Field(pattern=r"^[\w.@-]+$")]
    """A name or handle, as the recipe's `export.reviewers` has it."""
    artefact: str
    """Digest of the files that would ship."""
    report: str
    """Digest of the report.json that was read."""
    decision: Literal["approve", "reject"]
    date: datetime.date
    note: str = ""
    """A remark for the model card; it is published."""


def write(folder: Path, key: Path, out: Path, **said: Any) -> Path:
    """A signed review of the evidence in a folder.

    Raises:
        GateRefusal: the evidence does not hold.
        InputError: no such key, or a field that cannot be.
    """
    from eval.verify import recomputed

    report, _ = recomputed(folder)
    if report.served:
        raise GateRefusal(f"{folder}: evidence about a served model, which no review can let out; gate the files")
    bound = {"artefact": report.subjects["tuned"]["artefact"], "report": sha256_file(folder / "report.json")}
    try:
        review = Review.model_validate(said | bound | {"date": datetime.date.today()})
    except ValidationError as error:
        raise InputError(f"review: {error.errors(include_input=False)[0]['loc'][0]} cannot be that") from None
    path = out / f"{review.role}-{re.sub(r'[^0-9A-Za-z_-]', '_', review.reviewer)}.json"
    text = review.model_dump_json(indent=1) + "\n"
    signature = _signed(text.encode(), key)
    write_text(path, text)
    write_text(_beside(path), signature)
    return path


def approved(
    folder: Path | None, reviewers: Mapping[str, Path], wanted: Mapping[Role, int], evidence: Path
) -> list[Review]:
    """The reviews of this artefact and report, when enough people of each role approve and nobody rejects.

    Args:
        reviewers: name to public key.
        wanted: role to how many must approve.
        evidence: the folder with the report.

    Raises:
        GateRefusal: too few, a rejection, or a review that is not its reviewer's.
    """
    found = (
        [review for path in sorted(folder.glob("*.json")) if (review := _of(path, reviewers, evidence))]
        if folder
        else []
    )
    if against := [one for one in found if one.decision == "reject"]:
        raise GateRefusal(f"reviewed and rejected by {', '.join(f'{one.reviewer} ({one.role})' for one in against)}")
    people = Counter(role for role, _ in {(one.role, one.reviewer) for one in found})
    if missing := [f"{count - people[role]} more of {role}" for role, count in wanted.items() if people[role] < count]:
        raise GateRefusal(
            f"the verdict holds, and the policy needs signed reviews of this artefact: {', '.join(missing)};"
            " `wellgate review` writes one, export.reviews and export.reviewers name them"
        )
    return found


def _of(path: Path, reviewers: Mapping[str, Path], evidence: Path) -> Review | None:
    """A review that its reviewer signed; None where it is about another artefact or report."""
    try:
        content = path.read_bytes()
        review = Review.model_validate_json(content)
    except (OSError, ValidationError):
        raise GateRefusal(f"{path}: not a review") from None
    if review.reviewer not in reviewers:
        raise GateRefusal(f"{path}: export.reviewers has no key of {review.reviewer}")
    _require_signature(path, content, reviewers[review.reviewer])
    report = evidence / "report.json"
    bound = (read_report(report).subjects["tuned"]["artefact"], sha256_file(report))
    return review if (review.artefact, review.report) == bound else None


def lines(reviews: Sequence[Review]) -> list[str]:
    """For the model card."""
    return [
        f"- {one.reviewer} ({one.role.replace('_', ' ')}), {one.date}: {one.decision}{f'. {one.note}' if one.note else ''}"
        for one in reviews
    ]


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sig")


def _signed(content: bytes, key: Path) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        secret: Any = serialization.load_pem_private_key(key.read_bytes(), password=None)
        return base64.b64encode(secret.sign(content, ec.ECDSA(hashes.SHA256()))).decode() + "\n"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{key}: cannot sign with it ({type(error).__name__}); name an EC private key in PEM"
        ) from None


def _require_signature(path: Path, content: bytes, key: Path) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        public: Any = serialization.load_pem_public_key(key.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"export.reviewers: {key}: not a public key ({type(error).__name__})") from None
    try:
        public.verify(base64.b64decode(_beside(path).read_bytes()), content, ec.ECDSA(hashes.SHA256()))
    except FileNotFoundError:
        raise GateRefusal(f"{path}: it is not signed") from None
    except (InvalidSignature, ValueError, TypeError, AttributeError):
        raise GateRefusal(f"{path}: the signature is not that of its reviewer") from None
