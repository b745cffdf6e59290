"""The temporary keys of attempts: by them the emulator recognises a handler that calls back."""

import hashlib
import hmac
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

GOOD_FOR: Final = timedelta(minutes=15)
"""How far the date of a signed request may be from now. Source: wire-api §7.3 and §8; Alibaba Cloud's gateways allow as
much."""
_PREFIX: Final = "STS."


class Credentials(NamedTuple):
    """What a handler signs its requests with."""

    access_key_id: str
    access_key_secret: str
    security_token: str


class Keys:
    """Makes the credentials of attempts and recognises their key ids, which begin with ``STS.`` as real ones do.

    Without a ``secret`` they follow from the request id and the attempt's number, so that the same seed gives the same
    journal. With one they cannot be guessed, because a digest under it is part of the key id, of its secret and of the
    token.
    """

    def __init__(self, secret: bytes = b"") -> None:
        self._secret: Final = secret

    def of(self, request_id: str, attempt: int) -> Credentials:
        """The credentials of one attempt."""
        key_id = f"{_PREFIX}{request_id}.{attempt}"
        if not self._secret:
            return Credentials(key_id, f"secret-of-{key_id}", f"token-of-{key_id}")
        key_id = f"{key_id}.{self._digest('id', key_id)}"
        return Credentials(key_id, self._digest("secret", key_id), self._digest("token", key_id))

    def secret_of(self, access_key_id: str) -> str:
        """The secret that belongs to the access key id of an attempt."""
        return self._digest("secret", access_key_id) if self._secret else f"secret-of-{access_key_id}"

    def read(self, access_key_id: str) -> tuple[str, int] | None:
        """The request id and attempt number of a key id that was made here; ``None`` for any other."""
        if not access_key_id.startswith(_PREFIX):
            return None
        head = access_key_id
        if self._secret:
            head, _, digest = access_key_id.rpartition(".")
            if not hmac.compare_digest(digest.encode(), self._digest("id", head).encode()):
                return None
        head, _, attempt = head.rpartition(".")
        if not head.startswith(_PREFIX) or not (attempt.isascii() and attempt.isdigit()):
            return None
        return head.removeprefix(_PREFIX), int(attempt)

    def _digest(self, what: str, text: str) -> str:
        return hmac.new(self._secret, f"{what} {text}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


PREDICTABLE: Final = Keys()
"""Keys that anybody can work out from a request id, for an emulator that verifies no signature."""


class Signer(NamedTuple):
    """Who has an access key: its secret, and the instants that are now for its clock."""

    secret: str
    now: tuple[datetime, ...]

    def is_near(self, date: datetime) -> bool:
        """Whether a date is good for a request of this signer."""
        return _is_near(date, self.now)

    def is_past(self, expiry: datetime) -> bool:
        """Whether an expiry has passed on every clock of this signer."""
        return all(now > expiry for now in self.now)


def _is_near(date: datetime, now: tuple[datetime, ...]) -> bool:
    return any(abs(instant - date) <= GOOD_FOR for instant in now)


class Nonces:
    """The nonces of signed requests, each of which counts once while the date beside it is good."""

    def __init__(self) -> None:
        self._used: Final[OrderedDict[tuple[str, str], datetime]] = OrderedDict()
        """The date of each, in the order in which they were used; its first entry is removed in no time."""

    def use(self, access_key_id: str, nonce: str, date: datetime, now: tuple[datetime, ...]) -> bool:
        """Whether a nonce is used for the first time; it counts as used afterwards. ``now``: the instants of all clocks
        by which dates are judged. Nonces whose dates are not good by any of them are forgotten."""
        used, key = self._used, (access_key_id, nonce)
        while used and not _is_near(next(iter(used.values())), now):
            used.popitem(last=False)
        if key in used:
            return False
        used[key] = date
        return True
