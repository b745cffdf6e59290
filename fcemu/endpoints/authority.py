"""The certificate authority of a run: certificates for FC's hosts and for loopback, made when TLS is first spoken."""

import ipaddress
import os
import ssl
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from fcemu.endpoints.hosts import is_fc_host

if TYPE_CHECKING:
    from cryptography import x509

_VALID: Final = (b"000101000000Z", b"491231000000Z")
"""The validity of every certificate, as UTCTime. No time is read: tests freeze it, and programs run under changed
clocks."""
_INTEGER, _BITS, _OCTETS, _OID, _UTC_TIME, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x17, 0x30
_VERSION, _EXTENSIONS = 0xA0, 0xA3
"""Tags of DER, and those that a certificate has of its own. Source: X.690; RFC 5280, 4.1."""
_VERSION_3: Final = bytes([_INTEGER, 1, 2])
_TRUE: Final = b"\x01\x01\xff"
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
"""AlgorithmIdentifier. Source: RFC 5758, 3.2."""
_STANDARD_EXTENSIONS: Final = "2.5.29."
_DOMAINS: Final = ("aliyuncs.com", "fcapp.run", "localhost")
_NETWORKS: Final = ("127.0.0.0/8", "::1/128")
_NAME: Final = "fcemu, for this run only"
_NAMES_KEPT: Final = 256


@cache
def authority() -> "Authority":
    """The one of this process."""
    return Authority()


class Authority:
    """Makes certificates with keys that exist in this process only.

    Its own certificate is limited by name constraints to the domains of FC and MNS and to loopback: who trusts it
    trusts nothing else through it.
    """

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key: Final = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key: Final = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(domain) for domain in _DOMAINS]
        networks = [x509.IPAddress(ipaddress.ip_network(network)) for network in _NETWORKS]
        self._certificate: Final = self._sign(
            self._key,
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(x509, key_cert_sign=True, crl_sign=True), True),
            (x509.NameConstraints([*names, *networks], None), True),
        )
        self.pem: Final = _pem(self._certificate)
        """What a client has to trust, as PEM."""
        self._contexts: Final[dict[str, ssl.SSLContext]] = {}

    @property
    def certificate(self) -> "x509.Certificate":
        """The same as an object."""
        return self._certificate

    def server_context(self) -> ssl.SSLContext:
        """For a server that presents what each client asks for: a certificate for any of FC's hosts, else for
        loopback."""
        return self._context("")

    def _context(self, name: str) -> ssl.SSLContext:
        found = self._contexts.get(name)
        if found is None:
            if len(self._contexts) >= _NAMES_KEPT:
                self._contexts.clear()
            found = self._contexts[name] = self._new_context(name)
        return found

    def _new_context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = self._choose
        from tempfile import mkstemp

        number, path = mkstemp(prefix="fcemu-", suffix=".pem")  # ssl reads files only
        try:
            with os.fdopen(number, "w") as file:
                file.write(self._leaf_pem(name))
            context.load_cert_chain(path)
        finally:
            os.unlink(path)
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None and is_fc_host(name):
            connection.context = self._context(name.lower())

    def _leaf_pem(self, name: str) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from cryptography.x509.oid import ExtendedKeyUsageOID

        names = [name] if name else ["localhost"]
        addresses = [] if name else ["127.0.0.1", "::1"]
        certificate = self._sign(
            self._leaf_key,
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(x509, digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (
                x509.SubjectAlternativeName(
                    [
                        *map(x509.DNSName, names),
                        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
                    ]
                ),
                False,
            ),
        )
        key = self._leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return key + _pem(certificate) + self.pem

    def _sign(self, key: Any, *extensions: tuple[Any, bool]) -> "x509.Certificate":
        """A certificate for ``key``; ``extensions`` with whether they are critical.

        The parts are the library's, and they are put together here. The library's own builder takes dates only as
        instances of the class that it found as ``datetime.datetime`` when it first needed one, and that class is
        another one while handlers have virtual time or a test freezes its own.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from cryptography.x509.oid import NameOID

        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
        subject = issuer if key is self._key else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fcemu")])
        serial = x509.random_serial_number()
        identified = (
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        )
        content = _der(
            _SEQUENCE,
            _der(_VERSION, _VERSION_3),
            _der(_INTEGER, serial.to_bytes(serial.bit_length() // 8 + 1, "big")),
            _ECDSA_SHA256,
            issuer.public_bytes(),
            _der(_SEQUENCE, *(_der(_UTC_TIME, instant) for instant in _VALID)),
            subject.public_bytes(),
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            _der(_EXTENSIONS, _der(_SEQUENCE, *(_extension(*one) for one in (*identified, *extensions)))),
        )
        signature = self._key.sign(content, ec.ECDSA(hashes.SHA256()))
        return x509.load_der_x509_certificate(_der(_SEQUENCE, content, _ECDSA_SHA256, _der(_BITS, b"\0", signature)))


def _der(tag: int, *parts: bytes) -> bytes:
    """A value in DER: its tag, its length, and its content in parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _extension(extension: Any, critical: bool) -> bytes:
    """One of the standard's extensions, whose identifiers have four numbers, in DER."""
    number = int(extension.oid.dotted_string.removeprefix(_STANDARD_EXTENSIONS))
    identifier = _der(_OID, bytes([2 * 40 + 5, 29, number]))
    return _der(_SEQUENCE, identifier, _TRUE if critical else b"", _der(_OCTETS, extension.public_bytes()))


def truststore(certificates: Sequence["x509.Certificate"], password: str) -> bytes:
    """A key store for Java that trusts these certificates."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

    entries = [PKCS12Certificate(one, f"fcemu-{number}".encode()) for number, one in enumerate(certificates)]
    return serialize_java_truststore(entries, BestAvailableEncryption(password.encode()))


def _usage(x509: Any, **used: bool) -> Any:
    kinds = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{kind: used.get(kind, False) for kind in kinds})


def _pem(certificate: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()
