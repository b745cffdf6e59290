"""Which host names are FC's and MNS's own. Standard library only: child processes load this file by its path."""

import re
from typing import Final

_PLAIN: Final = r"[a-z0-9_-]+"
"""An account, or a region; ``-internal``, ``-vpc`` and ``-internal-vpc`` after it are part of it."""
_FC: Final = rf"""(?:
        {_PLAIN}\.{_PLAIN}\.fc\.aliyuncs\.com              # 2.0: account and region
      | fc(?:v3)?(?:-internal|-vpc)?\.{_PLAIN}\.aliyuncs\.com   # what SDKs make of a region
      | fc(?:-internal|-vpc)?\.aliyuncs\.com              # what the Node SDK of 2023-03-30 makes of a region
      | (?:{_PLAIN}\.)+fcapp\.run                          # HTTP triggers
      | {_PLAIN}\.mns\.{_PLAIN}\.aliyuncs\.com             # queues and topics
    )\.?"""
"""ASSUMED: fcemu takes requests for ``fc.aliyuncs.com``, where no FC answers, since all endpoints of its documents have
a region in them; programs in Node.js are warned (wire-api §1)."""


def is_fc_host(host: object) -> bool:
    """Whether ``host`` (text or bytes, without a port) is a public host of FC or MNS, of any account and region."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return isinstance(host, str) and re.fullmatch(_FC, host, re.VERBOSE | re.IGNORECASE) is not None
