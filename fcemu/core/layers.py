"""Layers: shared directories that functions see as ``/opt``, in numbered versions."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from fcemu.core.errors import missing
from fcemu.core.functions import LayerRef, Package
from fcemu.core.names import Account
from fcemu.core.stamps import UNSTAMPED, Stamp
from fcemu.core.values import dataclass

_ARN: Final = re.compile(r"acs:fc:([^:]*):([^:]*):layers/([^/]+)/versions/([0-9]+)")


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
        """ASSUMED: written like the ARNs of FC's other resources, in every version of the API."""
        return f"acs:fc:{account.region}:{account.id}:layers/{self.name}/versions/{self.version}"


def read_layer_arn(arn: str) -> tuple[str, int] | None:
    """The name and version in an ARN of a layer; ``None`` for anything else."""
    found = _ARN.fullmatch(arn)
    return None if found is None else (found[3], int(found[4]))


class Layers:
    """All layers by name and version. Not safe for threads."""

    def __init__(self) -> None:
        self._layers: dict[str, dict[int, LayerVersion]] = {}
        self._last: dict[str, int] = {}

    def next_version(self, name: str) -> int:
        """Numbers are never given twice. ASSUMED: as for versions of functions."""
        return self._last.get(name, 0) + 1

    def publish(self, layer: LayerVersion) -> None:
        """Add a version; its layer's ACL is that of the version before."""
        there = self._layers.setdefault(layer.name, {})
        if there:
            layer = replace(layer, public=next(iter(there.values())).public)
        there[layer.version] = layer
        self._last[layer.name] = layer.version

    def __iter__(self) -> Iterator[LayerVersion]:
        for there in self._layers.values():
            yield from there.values()

    def replace(self, layers: Iterable[LayerVersion]) -> None:
        """Each layer of these has these versions and no others; more that there are stay."""
        named: dict[str, dict[int, LayerVersion]] = {}
        for layer in layers:
            named.setdefault(layer.name, {})[layer.version] = layer
        self._layers |= named
        self._last |= {name: max([self._last.get(name, 0), *there]) for name, there in named.items()}

    def stamp(self, stamp: Callable[[LayerVersion], Stamp]) -> None:
        """Give ids and times to what a definition has brought."""
        for there in self._layers.values():
            there.update({n: replace(one, stamp=stamp(one)) for n, one in there.items() if one.stamp is UNSTAMPED})

    def versions(self, name: str) -> list[LayerVersion]:
        """Oldest first. Raises ``LayerNotFound``."""
        there = self._layers.get(name)
        if not there:
            raise missing("LayerNotFound", f"layer '{name}'")
        return list(there.values())

    def version(self, name: str, version: int) -> LayerVersion:
        """Raises ``LayerNotFound``, ``LayerVersionNotFound``."""
        self.versions(name)
        found = self._layers[name].get(version)
        if found is None:
            raise missing("LayerVersionNotFound", f"version '{version}' of layer '{name}'")
        return found

    def remove(self, name: str, version: int) -> None:
        """Functions that use it keep it. Raises ``LayerNotFound``, ``LayerVersionNotFound``."""
        self.version(name, version)
        del self._layers[name][version]

    def set_public(self, name: str, public: bool) -> None:
        """Raises ``LayerNotFound``."""
        for layer in self.versions(name):
            self._layers[name][layer.version] = replace(layer, public=public)

    def newest(self) -> dict[str, LayerVersion]:
        """The newest version of each layer that has one."""
        return {name: there[max(there)] for name, there in self._layers.items() if there}

    def filled(self, ref: LayerRef) -> LayerRef:
        """A function's layer with its content, if that is here; otherwise as it is."""
        name, version = read_layer_arn(ref.arn) or ("", 0)
        layer = None if ref.directory else self._layers.get(name, {}).get(version)
        return ref if layer is None else LayerRef(ref.arn, layer.package.size_bytes, layer.package.directory)

    def resolved(self, ref: LayerRef, account: Account) -> LayerRef:
        """A function's layer with its content. One of another account, such as FC's official ones, has none here.

        Raises ``LayerNotFound``, ``LayerVersionNotFound`` for one of this account that is not there.
        """
        named = read_layer_arn(ref.arn)
        if named is None or f":{account.id}:" not in ref.arn:
            return ref
        layer = self.version(*named)
        return LayerRef(ref.arn, layer.package.size_bytes, layer.package.directory)
