"""The certificate authority under changed clocks: its certificates are the same, whatever stands for ``datetime``."""

import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from urllib.request import urlopen

import pytest
from cryptography import x509
from patience import CHILD_SECONDS, WAIT_SECONDS
from running import serving

from fcemu.endpoints.authority import Authority

FROZEN = "from freezegun import freeze_time\nwith freeze_time('2077-01-01'):\n    "
VIRTUAL = "from fcemu.runtimes import timeshift\ntimeshift.install({!r})\n"
TRAVEL = "import time_machine\nwith time_machine.travel('2077-01-01'):\n    "
EARLIER = "import fcemu.endpoints.authority\n"
MAKE = "from fcemu.endpoints.authority import authority; print(authority().pem); authority().server_context()\n"


def in_a_process(program: str) -> str:
    """What a Python of its own prints: in this one, libraries have seen some class already."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "clock",
    [FROZEN, TRAVEL, VIRTUAL.format("freezegun"), VIRTUAL.format("time-machine")],
    ids=["freezegun", "time-machine", "ours by freezegun", "ours by time-machine"],
)
def test_certificates_are_made_whatever_class_stands_for_datetime(clock: str) -> None:
    certificate = x509.load_pem_x509_certificate(in_a_process(EARLIER + clock + MAKE).encode())
    assert certificate.not_valid_before_utc == datetime(2000, 1, 1, tzinfo=UTC)
    assert certificate.not_valid_after_utc == datetime(2049, 12, 31, tzinfo=UTC)
    certificate.verify_directly_issued_by(certificate)


def test_a_program_makes_certificates_of_its_own_after_ours_were_made_under_a_frozen_clock() -> None:
    """The library takes dates of the class that it meets first."""
    own = """
from datetime import datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
builder.not_valid_before(datetime(2000, 1, 1)).not_valid_after(datetime(2001, 1, 1)).sign(key, hashes.SHA256())
"""
    in_a_process("import datetime\n" + FROZEN + MAKE + own)


def test_a_certificate_has_what_a_strict_verifier_wants() -> None:
    """RFC 5280: keys are identified, the issuer may sign, names are within what the issuer may vouch for."""
    authority = Authority()
    chain = x509.load_pem_x509_certificates(authority._leaf_pem("fc.cn-hangzhou.aliyuncs.com").encode())
    for certificate, issuer in pairwise([*chain, chain[-1]]):
        certificate.verify_directly_issued_by(issuer)
    store = x509.verification.Store([authority.certificate])
    verifier = (
        x509.verification.PolicyBuilder()
        .store(store)
        .build_server_verifier(x509.DNSName("fc.cn-hangzhou.aliyuncs.com"))
    )
    assert verifier.verify(chain[0], [])[-1] == authority.certificate
    serials = {x509.load_pem_x509_certificate(Authority().pem.encode()).serial_number for _ in range(20)}
    assert len(serials) == 20


def test_tls_works_when_it_is_first_spoken_after_an_inline_handler_has_run() -> None:
    program = """
import ssl, urllib.request
from fcemu.testing import LocalEmulator
with LocalEmulator(intercept=True) as emulator:
    emulator.add("echo", lambda event, context: event)
    assert emulator.function("echo").invoke(b"first").body == b"first"
    url = "https://fcv3.cn-hangzhou.aliyuncs.com/2023-03-30/functions/echo/invocations"
    print(urllib.request.urlopen(url, b"over TLS", timeout=60).read().decode())
"""
    assert in_a_process("import fcemu.backends\nfcemu.backends.choose('freezegun')\n" + program) == "over TLS\n"


def test_a_server_that_runs_handlers_inline_intercepts() -> None:
    options = ("--runtime", "inline", "--intercept")
    with serving("fixtures/hello", *options, variables={"FCEMU_BACKEND": "freezegun"}) as (_, client, line):
        assert client.invoke("hello", b"me").body == b"me"
        address = re.search(r"http://([\d.:]+)", line)[1]
        with urlopen(f"http://{address}/_fcemu/ca.pem", timeout=WAIT_SECONDS) as answer:
            context = ssl.create_default_context(cadata=answer.read().decode())
        path = "2023-03-30/functions/hello/invocations"
        with urlopen(f"https://{address}/{path}", b"over TLS", timeout=WAIT_SECONDS, context=context) as answer:
            assert answer.read() == b"over TLS"
