"""The temporary keys of an attempt: by them the emulator recognises a handler that calls back."""


def credentials_of(request_id: str, attempt: int) -> str:
    """The access key id that belongs to one attempt. Real temporary ids begin with ``STS.`` as well."""
    return f"STS.{request_id}.{attempt}"


def secret_of(access_key_id: str) -> str:
    """The secret that belongs to the access key id of an attempt."""
    return f"secret-of-{access_key_id}"


def token_of(access_key_id: str) -> str:
    """The security token that belongs to it."""
    return f"token-of-{access_key_id}"


def read_credentials(access_key_id: str) -> tuple[str, int] | None:
    """The request id and attempt number of a temporary key id; ``None`` for any other key."""
    if not access_key_id.startswith("STS."):
        return None
    head, _, attempt = access_key_id.rpartition(".")
    if not head.startswith("STS.") or not attempt.isdigit():
        return None
    return head.removeprefix("STS."), int(attempt)
