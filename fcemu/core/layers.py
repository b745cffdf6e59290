"""Layers: shared directories that functions see as ``/opt``, in numbered versions."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from fcemu.core.functions import LayerRef, Package
from fcemu.core.names import Account
from fcemu.core.shelves import Shelf
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

_ARN: Final = r"acs:fc:([^:]*):([^:]*):layers/([^/]+)/versions/([0-9]+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One version of a layer, counted from 1. ``public``: whether other accounts may use the layer."""

    name: str
    version: int
    package: Package
    description: str = ""
    runtimes: tuple[str, ...] = ()
    license: str = ""
    public: bool = False
    stamp: Stamp = UNSTAMPED

    def arn(self, account: Account) -> str:
        """ASSUMED: fcemu writes the ARN of a layer like the ARNs of FC's other resources, in every version of the
        API."""
        return f"acs:fc:{account.region}:{account.id}:layers/{self.name}/versions/{self.version}"


def read_layer_arn(arn: str) -> tuple[str, int] | None:
    """The name and version in an ARN of a layer; ``None`` for anything else."""
    found = re.fullmatch(_ARN, arn)
    return None if found is None else (found[3], int(found[4]))


class Layers:
    """What layers mean: the newest ones, and the content of those that functions name."""

    def __init__(self, shelf: Shelf[tuple[str, int], LayerVersion]) -> None:
        self._shelf: Final = shelf

    def publish(self, layer: LayerVersion) -> LayerVersion:
        """Add a version; its layer's ACL is that of the version before."""
        there = self._shelf.of(layer.name)
        if there:
            layer = replace(layer, public=next(iter(there.values())).public)
        self._shelf.put((layer.name, layer.version), layer)
        return layer

    def set_public(self, name: str, public: bool) -> None:
        """Raises ``LayerNotFound``."""
        self._shelf.check_any(name)
        for layer in self._shelf.of(name).values():
            self._shelf.put((name, layer.version), replace(layer, public=public))

    def replace(self, layers: Iterable[LayerVersion]) -> None:
        """Each layer of these has these versions and no others; more that there are stay."""
        named: dict[str, dict[tuple[str, int], LayerVersion]] = {}
        for layer in layers:
            named.setdefault(layer.name, {})[layer.name, layer.version] = layer
        for name, there in named.items():
            self._shelf.replace(name, there)

    def newest(self) -> dict[str, LayerVersion]:
        """The newest version of each layer that has one."""
        newest: dict[str, LayerVersion] = {}
        for (name, version), layer in self._shelf.items():
            if name not in newest or version > newest[name].version:
                newest[name] = layer
        return newest

    def filled(self, ref: LayerRef) -> LayerRef:
        """A function's layer with its content, if that is here; otherwise as it is."""
        layer = None if ref.directory else self._shelf.get(read_layer_arn(ref.arn) or ("", 0))
        return ref if layer is None else LayerRef(ref.arn, layer.package.size_bytes, layer.package.directory)

    def resolved(self, ref: LayerRef, account: Account) -> LayerRef:
        """A function's layer with its content. One of another account, such as FC's official ones, has none here.

        Raises ``LayerNotFound``, ``LayerVersionNotFound`` for one of this account that is not there.
        """
        named = read_layer_arn(ref.arn)
        if named is None or f":{account.id}:" not in ref.arn:
            return ref
        layer = self._shelf.find(named)
        return LayerRef(ref.arn, layer.package.size_bytes, layer.package.directory)
