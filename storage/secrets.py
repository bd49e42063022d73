"""Secrets at rest: Fernet tokens under keys that can be rotated.

The first key encrypts, every key decrypts. To rotate: put a new key in front, start again, run
`sms-bridge rotate-key`, then remove the old key.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_ADVICE = "Set BRIDGE_SECRET_KEYS to one or more Fernet keys, newest first."


class SecretKeysMissing(RuntimeError):
    """No keys were given to this process, so nothing secret can be stored or read."""


class SecretUnreadable(ValueError):
    """A stored secret opens with none of the keys, or was changed on disk."""


_keyring: MultiFernet | None = None


def new_key() -> str:
    """A fresh key, as text fit for an environment variable."""
    return Fernet.generate_key().decode()


def use_keys(keys: Sequence[str]) -> None:
    """Give this process its keys, newest first; raises ValueError naming the one that is no key."""
    global _keyring
    if not keys:
        raise SecretKeysMissing(f"No secret key was given. {KEY_ADVICE}")
    _keyring = MultiFernet([_fernet(key, place) for place, key in enumerate(keys, start=1)])


def encrypt(plain: str) -> str:
    """The text as a token under the newest key."""
    return _keys().encrypt(plain.encode()).decode()


def decrypt(token: str) -> str:
    """The text a token holds; raises SecretUnreadable when no key opens it."""
    try:
        return _keys().decrypt(token).decode()
    except InvalidToken as error:
        raise SecretUnreadable(
            "A stored secret opens with none of the keys of this process. "
            "Add the key it was written with to the end of BRIDGE_SECRET_KEYS."
        ) from error


def rotate(token: str) -> str:
    """The same secret under the newest key; raises SecretUnreadable as `decrypt` does."""
    try:
        return _keys().rotate(token).decode()
    except InvalidToken as error:
        raise SecretUnreadable("A stored secret opens with none of the keys.") from error


def _fernet(key: str, place: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        raise ValueError(f"Secret key {place} is not a Fernet key. {KEY_ADVICE}") from error


def _keys() -> MultiFernet:
    if _keyring is None:
        raise SecretKeysMissing(f"This process was given no secret keys. {KEY_ADVICE}")
    return _keyring
