"""Variables that point programs at the emulator, and those that bring hard-coded hosts there."""

import os
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Final
from warnings import catch_warnings, simplefilter

REDIRECT_TO: Final = "FCEMU_REDIRECT_TO"
"""Where the bootstraps of children bring FC's hosts: ``host:port``."""
REDIRECT_ONLY: Final = "FCEMU_REDIRECT_ONLY"
REDIRECT_WARN: Final = "FCEMU_REDIRECT_WARN"
"""Calls of FC's hosts are told of where nothing brings them anywhere."""
VARIABLES: Final = "FCEMU_VARIABLES"
"""A file that sets all this in a shell."""
_PROXIES: Final = ("http_proxy", "https_proxy")
_PROXY_NAMES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_NOT_BY_PROXY: Final = "localhost,127.0.0.1,::1"
_CHILD: Final = Path(__file__).parent / "child"
_STORE_PASSWORD: Final = "changeit"
"""Java's own default. It guards nothing: the store holds public certificates."""
_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Linux distributions keep the certificates that they trust."""


def pointing(endpoint: str, account_id: str, region: str, key: tuple[str, str] = ("test", "test")) -> dict[str, str]:
    """The variables that point a program which reads its endpoint from variables at ``endpoint``, ``host:port``."""
    url = f"http://{endpoint}"
    return {
        "FCEMU_URL": url,
        "FC_ENDPOINT": url,
        "FC_HOST": endpoint,
        "MNS_ENDPOINT": url,
        "FC_ACCOUNT_ID": account_id,
        "ACCOUNT_ID": account_id,
        "FC_REGION": region,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key[0],
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key[1],
        "ACCESS_KEY_ID": key[0],
        "ACCESS_KEY_ID_SECRET": key[1],
    }


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the variables that name proxies."""
    return {name: value for name, value in environment.items() if name.lower() not in _PROXY_NAMES}


def warning(environment: Mapping[str, str]) -> dict[str, str]:
    """What makes handlers in processes, whose environment is ``environment`` but for this, tell of calls of FC's own
    hosts: those in Python and in Node.js."""
    python = redirecting(environment, "")["PYTHONPATH"]
    return {REDIRECT_WARN: "1", "PYTHONPATH": python, "NODE_OPTIONS": _node_options(environment)}


def _node_options(environment: Mapping[str, str]) -> str:
    return _joined(environment, "NODE_OPTIONS", [f'--require "{_CHILD / "node" / "redirect.js"}"'])


def redirecting(environment: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """What makes Python programs, whose environment is ``environment`` but for this, call ``endpoint`` where they mean
    FC's hosts; ``host`` must be an IPv4 address."""
    ours, path = str(_CHILD / "python"), environment.get("PYTHONPATH", "")
    if ours not in path.split(os.pathsep):
        path = os.pathsep.join(filter(None, [ours, path]))
    return {REDIRECT_TO: endpoint, "PYTHONPATH": path}


def intercepting(
    environment: Mapping[str, str], endpoint: str, proxy_port: int, folder: Path, *, only: bool = False
) -> dict[str, str]:
    """The same for programs in any language that trust and reach what variables say: Python and Node.js by bootstraps,
    Go, Java, curl and others by a proxy on loopback.

    Writes the files that these variables name to ``folder``. ``only``: other hosts are refused.
    """
    pointers = {name: environment[name] for name in pointing("", "", "") if name in environment}
    proxy = f"http://127.0.0.1:{proxy_port}"
    from fcemu.endpoints.authority import authority

    ours = authority().pem
    bundle = _written(folder / "bundle.pem", [_trusted(environment), ours])
    store = folder / "trusted.p12"
    store.write_bytes(_java_store(bundle))
    more = {name: proxy for each in _PROXIES for name in (each, each.upper())}
    more |= dict.fromkeys(("no_proxy", "NO_PROXY"), _NOT_BY_PROXY)
    more |= dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(bundle))
    more["NODE_EXTRA_CA_CERTS"] = str(
        _written(folder / "node.pem", [_text(environment.get("NODE_EXTRA_CA_CERTS")), ours])
    )
    more["NODE_OPTIONS"] = _node_options(environment)
    more["JAVA_TOOL_OPTIONS"] = _joined(environment, "JAVA_TOOL_OPTIONS", _java_options(proxy_port, store))
    if only:
        more[REDIRECT_ONLY] = "1"
    more |= redirecting(environment, endpoint)
    script = folder / "variables.sh"
    lines = [f"export {name}={quote(value)}\n" for name, value in (pointers | more).items()]
    script.write_text("".join(lines), encoding="utf-8")
    return more | {VARIABLES: str(script)}


def _java_options(proxy_port: int, store: Path) -> list[str]:
    """Java reads no proxy variables."""
    proxies = [
        f"-D{scheme}.{name}={value}"
        for scheme in ("http", "https")
        for name, value in (("proxyHost", "127.0.0.1"), ("proxyPort", proxy_port))
    ]
    trust = {"": store, "Type": "PKCS12", "Password": _STORE_PASSWORD}
    return [*proxies, *(f'"-Djavax.net.ssl.trustStore{name}={value}"' for name, value in trust.items())]


def _java_store(bundle: Path) -> bytes:
    from cryptography import x509

    from fcemu.endpoints.authority import truststore

    certificates = {}
    for text in bundle.read_text(encoding="utf-8").split("-----BEGIN CERTIFICATE-----")[1:]:
        pem = "-----BEGIN CERTIFICATE-----" + text
        with suppress(ValueError), catch_warnings():  # old ones that break today's rules
            simplefilter("ignore")
            certificates[pem] = x509.load_pem_x509_certificate(pem.encode())
    return truststore(list(certificates.values()), _STORE_PASSWORD)


def _joined(environment: Mapping[str, str], name: str, more: Iterable[str]) -> str:
    return " ".join(filter(None, [environment.get(name, ""), *more]))


def _trusted(environment: Mapping[str, str]) -> str:
    """The certificates that programs trust without us: what a variable names, else the system's."""
    named = [environment.get(name) for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")]
    default = ssl.get_default_verify_paths().cafile
    return next(filter(None, map(_text, [*named, default, *_ROOTS])), "")


def _text(path: str | None) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace") if path else ""
    except OSError:
        return ""


def _written(path: Path, texts: Iterable[str]) -> Path:
    path.write_text("\n".join(text.rstrip() for text in texts if text) + "\n", encoding="utf-8")
    return path
