"""Signatures over a folder of evidence, by OpenSSF Model Signing with a key pair (`pip install model-signing`).

Without one, evidence is tamper-evident only to who holds its digest: somebody who remakes every file remakes the verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellgate.errors import GateRefusal, InputError

FILE = "model.sig"
LEFT_OUT = (".lock",)
"""Files that are no evidence."""


def sign(folder: Path, key: Path) -> Path:
    """Sign every file of a folder whose evidence holds, with an elliptic-curve private key (PEM).

    Raises:
        GateRefusal: the evidence does not hold.
        InputError: no such key, or the package is missing.
    """
    from eval.verify import recomputed

    recomputed(folder)
    signing = _package().signing
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        config.set_hashing_config(_hashing(folder)).sign(folder, folder / FILE)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{key}: cannot sign with it ({type(error).__name__}); name an EC private key in PEM"
        ) from None
    return folder / FILE


def require_signed(folder: Path, key: Path) -> None:
    """That a folder holds exactly the files that the owner of this public key has signed.

    Raises:
        GateRefusal: no signature, another key's, or a file that was changed, added or taken away since.
        InputError: no such key, or the package is missing.
    """
    verifying = _package().verifying
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{key}: not a public key ({type(error).__name__}); name an EC public key in PEM") from None
    try:
        config.set_hashing_config(_hashing(folder)).verify(folder, folder / FILE)
    except FileNotFoundError:
        raise GateRefusal(f"{folder / FILE}: there is no signature; run `wellgate sign`") from None
    except Exception as error:  # whatever a damaged signature makes of its parser
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise GateRefusal(f"{folder}: the signature does not hold: {why}") from None


def _hashing(folder: Path) -> Any:
    return _package().hashing.Config().set_ignored_paths(paths=[folder / name for name in (FILE, *LEFT_OUT)])


def _package() -> Any:
    try:
        import model_signing
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ImportError:
        raise InputError("signatures need the package model-signing; run `pip install model-signing`") from None
    return model_signing
