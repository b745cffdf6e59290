"""Clients of the installed SDKs that talk to an emulator."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

from fcemu.core.wording import either


class Sdk(NamedTuple):
    """One SDK: the package to install, the module of its client, and how that is made."""

    package: str
    module: str
    make: Callable[[Any, Mapping[str, str]], Any]


def client_of(version: str, env: Mapping[str, str]) -> Any:
    """A new client of the SDK for one API version, pointed where the variables ``env`` point.

    Raises ``ValueError`` for a version that FC does not have, ``ModuleNotFoundError`` that names the package where the
    SDK is not installed.
    """
    sdk = SDKS.get(version)
    if sdk is None:
        raise ValueError(f"version: expected {either(SDKS)}, got {version!r}")
    try:
        module = import_module(sdk.module)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != sdk.module.partition(".")[0]:
            raise
        text = f"client({version!r}) needs the package {sdk.package}: pip install {sdk.package}"
        raise ModuleNotFoundError(text, name=missing.name) from None
    return sdk.make(module, env)


def _fc2(module: Any, env: Mapping[str, str]) -> Any:
    return module.Client(
        endpoint=env["FC_ENDPOINT"], accessKeyID=env["ACCESS_KEY_ID"], accessKeySecret=env["ACCESS_KEY_ID_SECRET"]
    )


def _tea(module: Any, env: Mapping[str, str]) -> Any:
    models = import_module("alibabacloud_tea_openapi.models")
    config = models.Config(
        access_key_id=env["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=env["FC_HOST"],
        protocol="http",
        region_id=env["FC_REGION"],
    )
    return module.Client(config)


SDKS: Final = {
    "2016-08-15": Sdk("aliyun-fc2", "fc2", _fc2),
    "2021-04-06": Sdk("alibabacloud-fc-open20210406", "alibabacloud_fc_open20210406.client", _tea),
    "2023-03-30": Sdk("alibabacloud-fc20230330", "alibabacloud_fc20230330.client", _tea),
}
"""By API version."""
