"""Request signatures: verified with ``--auth``, dates and nonces included. Source: wire-api §7."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import parse_qsl, quote, unquote

from multidict import CIMultiDictProxy, istr

from fcemu.api.wire import AUTHORIZATION, WireRequest
from fcemu.core.errors import FCError, InvalidArgument, SignatureNotMatch
from fcemu.core.keys import Signer


class Keyring(Protocol):
    """Who may sign requests, and what was signed before."""

    def signer(self, access_key_id: str) -> Signer | None:
        """Who has an access key; ``None`` for an id that is not known."""

    def use(self, access_key_id: str, nonce: str, date: datetime) -> bool:
        """Whether a nonce is used for the first time; it counts as used afterwards."""


_DATE: Final = istr("Date")
_FC_DATE: Final = istr("X-Fc-Date")
_ACS_DATE: Final = istr("x-acs-date")
_NONCE: Final = istr("x-acs-signature-nonce")
_MD5: Final = istr("Content-MD5")
_TYPE: Final = istr("Content-Type")
_HASH: Final = istr("x-acs-content-sha256")
_ACS3: Final = re.compile(r"ACS3-HMAC-SHA256 +Credential=([^,]*), *SignedHeaders=([^,]*), *Signature=([0-9a-fA-F]*)")
_EXPIRES, _KEY_ID, _SIGNATURE = "x-fc-expires", "x-fc-access-key-id", "x-fc-signature"
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_JSON: Final = "application/json"


def verify(request: WireRequest, keyring: Keyring, *, with_query: bool = False) -> None:
    """Raise ``MissingRequiredHeader``, ``InvalidAccessKeyID``, ``SignatureNotMatch``, ``InvalidArgument``,
    ``InvalidTimeStamp.Expired`` or ``SignatureNonceUsed`` for a request that is not signed as it should be. What its
    signature says of the body is checked when the body is read.

    ``with_query``: it goes to an HTTP trigger, whose signatures cover the query, and may stand in it.
    """
    authorization = request.headers.get(AUTHORIZATION)
    if authorization is None:
        if not with_query or _SIGNATURE not in request.target:
            raise _no_header("Authorization")
        _verify_url(request, keyring)
        return
    if authorization.startswith("ACS3-"):
        _verify_acs3(request, authorization, keyring)
        return
    scheme, _, rest = authorization.partition(" ")
    key_id, _, signature = rest.strip().partition(":")
    signer = _signer(keyring, key_id)
    if scheme == "FC":
        _demand(signature, (_fc(signer.secret, text) for text in _fc_texts(request, with_query)))
        _demand_date(request, signer, _DATE, _FC_DATE)
    elif scheme == "acs":
        _demand(signature, [_roa(signer.secret, request)])
        date = _demand_date(request, signer, _DATE, _ACS_DATE)
        _demand_unused(request, keyring, key_id, date)
    else:
        raise SignatureNotMatch
    _watch_md5(request)


def _signer(keyring: Keyring, key_id: str) -> Signer:
    signer = keyring.signer(key_id)
    if signer is None:
        raise FCError("InvalidAccessKeyID", f"invalid access key ID '{key_id}'.")
    return signer


def _demand(signature: str, right: Iterable[str]) -> None:
    """Raises ``SignatureNotMatch`` unless ``signature`` is one of the right ones."""
    if not any(hmac.compare_digest(signature.encode("utf-8", "replace"), each.encode()) for each in right):
        raise SignatureNotMatch


# What is signed and must be true: the date, the nonce, the body.


def _demand_date(request: WireRequest, signer: Signer, *names: str) -> datetime:
    """The date of a request, which stands in the first of these headers that it has. Raises
    ``MissingRequiredHeader``, ``InvalidArgument`` or ``InvalidTimeStamp.Expired``."""
    name = next((name for name in names if request.headers.get(name)), None)
    if name is None:
        raise _no_header(names[0])
    text = request.headers[name]
    date = _instant(text)
    if date is None:
        example = signer.now[0].strftime("%Y-%m-%dT%H:%M:%SZ")
        raise InvalidArgument(f"The {name} is not in UTC time format (example: '{example}', actual: '{text}')")
    if not signer.is_near(date):
        raise _expired(text, _shown(signer))
    return date


def _instant(text: str) -> datetime | None:
    """A date as HTTP or ISO 8601 writes it; without a zone it is UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(text.strip())
            return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _shown(signer: Signer) -> str:
    return " or ".join(dict.fromkeys(now.strftime("%Y-%m-%dT%H:%M:%SZ") for now in signer.now))


def _demand_unused(request: WireRequest, keyring: Keyring, key_id: str, date: datetime) -> None:
    nonce = request.headers.get(_NONCE)
    if nonce is not None and not keyring.use(key_id, nonce, date):
        raise FCError("SignatureNonceUsed", "Specified signature nonce was used already.")


def _watch_md5(request: WireRequest) -> None:
    """Have the body compared with a ``Content-MD5``, which is signed."""
    given = request.headers.get(_MD5, "").strip()
    if given:
        request.check_body = lambda body: _check_md5(given, body)


def _check_md5(given: str, body: bytes) -> None:
    """Raises ``SignatureNotMatch`` unless ``given`` is the MD5 of the body in one of the forms that clients send:
    base64 as RFC 1864 has it, hex, base64 of hex, or hex of the body as Go writes bytes in JSON (wire-api §2.1)."""
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    in_json = b'"' + base64.b64encode(body) + b'"'
    good = [
        base64.b64encode(digest).decode(),
        digest.hex(),
        base64.b64encode(digest.hex().encode()).decode(),
        hashlib.md5(in_json, usedforsecurity=False).hexdigest(),
    ]
    if given not in good and given.lower() not in good:
        raise SignatureNotMatch


def _check_sha256(given: str, md5: str, body: bytes) -> None:
    """Raises ``SignatureNotMatch`` unless ``given`` is the SHA-256 of the body, which needs none when it is empty, and
    ``md5``, where there is one, its MD5."""
    if (given or body) and hashlib.sha256(body).hexdigest() != given.lower():
        raise SignatureNotMatch
    if md5:
        _check_md5(md5, body)


# FC: 2016-08-15, HTTP triggers.


def _fc(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha256")).decode()


def _fc_texts(request: WireRequest, with_query: bool) -> Iterable[str]:
    """What may have been signed: the strict form first, then the deviations of released SDKs (wire-api §7.1, §7.2)."""
    path, _, query = request.target.partition("?")
    if not with_query:
        yield _fc_text(request, unquote(path))
        yield _fc_text(request, path)
        return
    pairs = parse_qsl(query, keep_blank_values=True)
    items = [f"{name}={text}" if text or f"{name}=" in query else name for name, text in pairs]
    strict = "\n".join([unquote(path), *(sorted(items) or [""])])
    as_written = [unquote(each) for each in query.split("&")]
    yield _fc_text(request, strict)
    yield _fc_text(request, strict, content_type=_JSON)
    yield _fc_text(request, "\n".join([unquote(path), *as_written]))
    yield _fc_text(request, unquote(path))


def _fc_text(request: WireRequest, resource: str, *, date: str | None = None, content_type: str | None = None) -> str:
    headers = request.headers
    own = sorted((name.lower(), text) for name, text in headers.items() if name.lower().startswith("x-fc-"))
    lines = [
        request.method,
        headers.get(_MD5, ""),
        headers.get(_TYPE, "") if content_type is None else content_type,
        headers.get(_DATE, "") if date is None else date,
        *(f"{name}:{text}" for name, text in own),
        resource,
    ]
    return "\n".join(lines)


def _verify_url(request: WireRequest, keyring: Keyring) -> None:
    """A signature in the query (wire-api §7.3)."""
    path, _, query = request.target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    signer, expires = _signer(keyring, given.get(_KEY_ID, "")), given.get(_EXPIRES, "")
    items = sorted(f"{name}={text}" if text else name for name, text in pairs if name != _SIGNATURE)
    text = _fc_text(request, "\n".join([unquote(path), *items]), date=expires)
    _demand(given.get(_SIGNATURE, ""), [_fc(signer.secret, text)])
    if not _SECONDS.fullmatch(expires):
        raise InvalidArgument(f"{_EXPIRES} is not a number of seconds since 1970 (actual: '{expires}')")
    expiry = datetime.fromtimestamp(int(expires), UTC)
    if signer.is_past(expiry):
        raise _expired(expiry.strftime("%Y-%m-%dT%H:%M:%SZ"), _shown(signer))
    _watch_md5(request)


# ACS3: 2021-04-06, 2023-03-30.


def _verify_acs3(request: WireRequest, authorization: str, keyring: Keyring) -> None:
    """The date and the nonce count only where they are signed, since they could be exchanged otherwise."""
    found = _ACS3.fullmatch(authorization.strip())
    if found is None:
        raise SignatureNotMatch
    key_id, names, signature = found.groups()
    signer, body_hash = _signer(keyring, key_id), request.headers.get(_HASH, "")
    signed = names.lower().split(";")
    text = acs3_text(request.method, request.target, request.headers, signed, body_hash)
    _demand(signature.lower(), [hmac.new(signer.secret.encode(), text.encode(), "sha256").hexdigest()])
    if any(name.lower() not in signed for name in (_ACS_DATE, _NONCE) if name in request.headers):
        raise SignatureNotMatch
    date = _demand_date(request, signer, _ACS_DATE)
    _demand_unused(request, keyring, key_id, date)
    md5 = request.headers.get(_MD5, "").strip() if _MD5.lower() in signed else ""
    request.check_body = lambda body: _check_sha256(body_hash, md5, body)


def acs3_text(
    method: str, target: str, headers: CIMultiDictProxy[str] | Mapping[str, str], signed: list[str], body_hash: str
) -> str:
    """What is signed: the algorithm and the hash of the canonical request (wire-api §7.4)."""
    path, _, query = target.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical = [
        method,
        path,
        "&".join(f"{_encoded(name)}={_encoded(text)}" for name, text in pairs),
        *(f"{name}:{headers.get(name, '').strip()}" for name in signed),
        "",
        ";".join(signed),
        body_hash,
    ]
    digest = hashlib.sha256("\n".join(canonical).encode("utf-8", "surrogateescape")).hexdigest()
    return f"ACS3-HMAC-SHA256\n{digest}"


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


# The legacy scheme of the same SDKs.


def _roa(secret: str, request: WireRequest) -> str:
    headers = request.headers
    path, _, query = request.target.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    own = sorted((name.lower(), text) for name, text in headers.items() if name.lower().startswith("x-acs-"))
    lines = [
        request.method,
        headers.get("Accept", ""),
        headers.get(_MD5, ""),
        headers.get(_TYPE, ""),
        headers.get(_DATE, ""),
        *(f"{name}:{text}" for name, text in own),
        path + ("?" + "&".join(f"{name}={text}" if text else name for name, text in pairs) if pairs else ""),
    ]
    digest = hmac.digest(secret.encode(), "\n".join(lines).encode("utf-8", "surrogateescape"), "sha1")
    return base64.b64encode(digest).decode()


def _no_header(name: str) -> FCError:
    return FCError("MissingRequiredHeader", f"required HTTP header {name} was not specified")


def _expired(date: str, now: str) -> FCError:
    """A signed request whose date is too far from now."""
    text = f"Specified time stamp or date value is expired: '{date}', and now is {now}"
    return FCError("InvalidTimeStamp.Expired", text)
