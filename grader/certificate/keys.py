"""Keep Ed25519 keys in PEM files: only their owner reads them; never overwritten or printed."""

import os
import stat
from pathlib import Path

from openbadgeslib.errors import KeyGenException
from openbadgeslib.keys import KeyEd25519

from llmlib import files

Pair = tuple[bytes, bytes]  # the PEM of a private key and of its public one


def own_key_path() -> Path:
    """Return where a learner's own key is kept."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    try:
        return Path(base).expanduser() / "llmlib" / "certificate-key.pem"
    except RuntimeError:
        raise OSError("there is no home folder to keep your key in: give --key FILE") from None


def typed(text: str) -> Path:
    """Return a path with "~" expanded, which some shells leave as it is, above all after a "="."""
    return Path(os.path.expanduser(text))


def load_or_create(path: Path | str) -> Pair:
    """Return the private key at `path`, created if there is none, and its public key, kept next to
    it. Raises ValueError if the file is not an Ed25519 private key, if others may read it, or if
    the public key belongs to another key: verifiers who got that one would reject every holder."""
    path, key = Path(path), KeyEd25519()
    if path.is_dir():  # or empty, which is the current folder
        raise ValueError(f"{path} is a folder: give --key a file, which is created if it is new")
    beside = public_path(path)
    foreign = f"{beside} belongs to another key: move it, or give another --key"
    if not os.path.lexists(path):
        if beside.exists():
            raise ValueError(foreign)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(new, "wb") as file:
                file.write(key.generate_keypair()[0])
        except BaseException:  # a full disk: half a key would block a whole one
            path.unlink()
            raise
    private = path.read_bytes()
    try:
        key.read_private_key(private)
    except KeyGenException:
        reason = f"{path} is not an Ed25519 private key in PEM form: give another --key"
        raise ValueError(f"{reason}; a new file gets a new key") from None
    if os.name == "posix" and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        reason = f"others may read the private key {path}"
        raise ValueError(f"{reason}: run `chmod 600` on it, and make a new key if somebody did")
    key.pub_key = key.priv_key.public_key()
    public = key.get_pub_key_pem()
    if not beside.exists():
        files.write(beside, public)
    elif beside.read_bytes().split() != public.split():  # whatever ends its lines
        raise ValueError(foreign)
    return private, public


def public_path(path: Path | str) -> Path:
    """Return the file of the public key that belongs to a private key, which an issuer gives
    away."""
    return Path(path).with_suffix(".public.pem")


def read_public(path: Path | str) -> bytes:
    """Return the Ed25519 public key in a PEM file, as PEM. Raises ValueError."""
    key = KeyEd25519()
    try:
        key.read_public_key(Path(path).read_bytes())
    except KeyGenException:
        reason = f"{path} is not an Ed25519 public key in PEM form"
        raise ValueError(f"{reason}: ask the issuer for the file *.public.pem") from None
    return key.get_pub_key_pem()
