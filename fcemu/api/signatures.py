"""Request signatures: checked or ignored. Source: wire-api §7."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from multidict import CIMultiDictProxy, istr

from fcemu.api.wire import AUTHORIZATION, WireRequest
from fcemu.core.errors import InvalidAccessKeyID, MissingRequiredHeader, SignatureNotMatch

SecretOf = Callable[[str], str | None]
"""The secret of an access key id; ``None`` for an id that nobody has."""

_DATE: Final = istr("Date")
_MD5: Final = istr("Content-MD5")
_TYPE: Final = istr("Content-Type")
_HASH: Final = istr("x-acs-content-sha256")
_ACS3: Final = re.compile(r"ACS3-HMAC-SHA256 +Credential=([^,]*), *SignedHeaders=([^,]*), *Signature=([0-9a-fA-F]*)")
_EXPIRES, _KEY_ID, _SIGNATURE = "x-fc-expires", "x-fc-access-key-id", "x-fc-signature"
_JSON: Final = "application/json"


def verify(request: WireRequest, secret_of: SecretOf, *, with_query: bool = False) -> None:
    """Raise ``MissingRequiredHeader``, ``InvalidAccessKeyID`` or ``SignatureNotMatch`` for a request that is not signed
    as it should be. What its signature says of the body is checked when the body is read.

    ``with_query``: it goes to an HTTP trigger, whose signatures cover the query, and may stand in it.
    """
    authorization = request.headers.get(AUTHORIZATION)
    if authorization is None:
        if not with_query or _SIGNATURE not in request.target:
            raise MissingRequiredHeader("Authorization")
        _verify_url(request, secret_of)
        return
    if authorization.startswith("ACS3-"):
        _verify_acs3(request, authorization, secret_of)
        return
    scheme, _, rest = authorization.partition(" ")
    key_id, _, signature = rest.strip().partition(":")
    secret = _secret(secret_of, key_id)
    if scheme == "FC":
        _demand(signature, (_fc(secret, text) for text in _fc_texts(request, with_query)))
    elif scheme == "acs":
        _demand(signature, [_roa(secret, request)])
    else:
        raise SignatureNotMatch


def _secret(secret_of: SecretOf, key_id: str) -> str:
    secret = secret_of(key_id)
    if secret is None:
        raise InvalidAccessKeyID(key_id)
    return secret


def _demand(signature: str, right: Iterable[str]) -> None:
    """Raises ``SignatureNotMatch`` unless ``signature`` is one of the right ones."""
    if not any(hmac.compare_digest(signature.encode("utf-8", "replace"), each.encode()) for each in right):
        raise SignatureNotMatch


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


def _verify_url(request: WireRequest, secret_of: SecretOf) -> None:
    """A signature in the query (wire-api §7.3)."""
    path, _, query = request.target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    secret = _secret(secret_of, given.get(_KEY_ID, ""))
    items = sorted(f"{name}={text}" if text else name for name, text in pairs if name != _SIGNATURE)
    text = _fc_text(request, "\n".join([unquote(path), *items]), date=given.get(_EXPIRES, ""))
    _demand(given.get(_SIGNATURE, ""), [_fc(secret, text)])


# ACS3: 2021-04-06, 2023-03-30.


def _verify_acs3(request: WireRequest, authorization: str, secret_of: SecretOf) -> None:
    found = _ACS3.fullmatch(authorization.strip())
    if found is None:
        raise SignatureNotMatch
    key_id, signed, signature = found.groups()
    secret, body_hash = _secret(secret_of, key_id), request.headers.get(_HASH, "")
    text = acs3_text(request.method, request.target, request.headers, signed.split(";"), body_hash)
    _demand(signature.lower(), [hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()])
    request.body_sha256 = body_hash


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
