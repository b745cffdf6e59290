"""This module turns the catalogue in the first form of the store into the form of today."""

from typing import Any, Final

from fcemu.core.catalog import Catalog
from fcemu.core.catalog_json import catalog_to_json, read
from fcemu.core.members import demand
from fcemu.core.releases import Owner
from fcemu.core.stamps import Link

_CONTAINERS: Final[dict[str, tuple[str, ...]]] = {
    "Catalog": (
        *("_services", "_service_names", "_functions", "_function_names", "_async", "_releases", "_triggers"),
        *("_by_id", "_domains", "layers", "belongings"),
    ),
    "Releases": ("_last", "aliases", "owner", "versions"),
    "Layers": ("_layers", "_last"),
    "Belongings": ("_capacities", "_reserved", "tags", "_vpcs", "_sources"),
}
"""Classes whose attributes were written as they stood; indexes, which follow from the rest, among them."""


def upgraded(record: Any) -> dict[str, Any]:
    """The note of a store, in the form that ``catalog_from_json`` reads. Raises what that raises."""
    there, catalog = _container(record, "Catalog"), Catalog()
    belongings, layers = _container(there["belongings"], "Belongings"), _container(there["layers"], "Layers")
    flat = {"services": there["_services"], "functions": there["_functions"], "domains": there["_domains"]}
    for name, given in {**flat, "capacities": belongings["_capacities"]}.items():
        for key, one in _map(given).items():
            catalog.shelves[name].put(key, one)
    nested = {"triggers": there["_triggers"], "async_settings": there["_async"], "layers": layers["_layers"]}
    for name, given in nested.items():
        for group, inner in _map(given).items():
            for key, one in inner.items():
                catalog.shelves[name].put((group, key), one)
    for name, last in _map(layers["_last"]).items():
        catalog.layer_versions.skip(name, last)
    for owner, given in _pairs(there["_releases"]):
        releases = _container(given, "Releases")
        for version, one in _map(releases["versions"]).items():
            catalog.versions.put((owner, version), one)
        for name, one in _map(releases["aliases"]).items():
            catalog.aliases.put((owner, name), one)
        catalog.versions.skip(owner, releases["_last"])
    for resource, tags in _map(belongings["tags"]).items():
        kind, _, name = resource.partition("/")
        catalog.tags.put(Owner(kind.removesuffix("s"), name), tags)
    for owner, vpcs in _map(belongings["_vpcs"]).items():
        for vpc in vpcs:
            catalog.vpcs.put((owner, vpc), Link())
    for (ref, qualifier), sources in _map(belongings["_sources"]).items():
        for arn, stamp in sources.items():
            catalog.sources.put((ref, qualifier, arn), Link(stamp))
    return catalog_to_json(catalog, lambda place: place)


def _container(record: Any, kind: str) -> dict[str, Any]:
    demand(record, ["$", *_CONTAINERS[kind]], kind)
    given: dict[str, Any] = record
    return given


def _pairs(record: Any) -> list[tuple[Any, Any]]:
    """The items of a map; the values are not read yet."""
    demand(record, ["$", "items"], "a map")
    return [(read(key, lambda place: place), value) for key, value in record["items"]]


def _map(record: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = read(record, lambda place: place)
    return found
