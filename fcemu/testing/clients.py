"""The installed SDKs' clients, pointed at an emulator."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from fcemu.testing.emulator import LocalEmulator


class Sdk(NamedTuple):
    """One SDK: the package to install, the module of its client, and how that is made."""

    package: str
    module: str
    make: "Callable[[Any, LocalEmulator], Any]"


def client_of(emulator: "LocalEmulator", version: str) -> Any:
    """A new client of the SDK for one API version, with any keys.

    Raises ``ValueError`` for a version that FC does not have, ``ModuleNotFoundError`` that names the package where the
    SDK is not installed.
    """
    sdk = SDKS.get(version)
    if sdk is None:
        raise ValueError(f"version: expected one of {', '.join(SDKS)}, found {version!r}")
    try:
        module = import_module(sdk.module)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != sdk.module.partition(".")[0]:
            raise
        text = f"client({version!r}) needs the package {sdk.package}: pip install {sdk.package}"
        raise ModuleNotFoundError(text, name=missing.name) from None
    return sdk.make(module, emulator)


def _fc2(module: Any, emulator: "LocalEmulator") -> Any:
    env = emulator.env
    return module.Client(
        endpoint=emulator.url, accessKeyID=env["ACCESS_KEY_ID"], accessKeySecret=env["ACCESS_KEY_ID_SECRET"]
    )


def _tea(module: Any, emulator: "LocalEmulator") -> Any:
    models, env = import_module("alibabacloud_tea_openapi.models"), emulator.env
    config = models.Config(
        access_key_id=env["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=emulator.endpoint,
        protocol="http",
        region_id=emulator.region,
    )
    return module.Client(config)


SDKS: Final = {
    "2016-08-15": Sdk("aliyun-fc2", "fc2", _fc2),
    "2021-04-06": Sdk("alibabacloud-fc-open20210406", "alibabacloud_fc_open20210406.client", _tea),
    "2023-03-30": Sdk("alibabacloud-fc20230330", "alibabacloud_fc20230330.client", _tea),
}
"""By API version."""
