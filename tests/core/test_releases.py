"""Versions and aliases of one owner."""

import pytest

from fcemu.core.catalog import Catalog
from fcemu.core.errors import FCError, InvalidArgument
from fcemu.core.functions import Function
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Alias, Owner, Version
from fcemu.core.resource_types import VERSIONS
from fcemu.core.settings import SPEC_START
from fcemu.core.stamps import Stamp

SERVICE = Owner("service", "s")


def published(*timeouts: int) -> Catalog:
    """A service whose one function had these memory sizes when it was published."""
    catalog = Catalog()
    for memory_mb in timeouts:
        publish(catalog, memory_mb)
    return catalog


def publish(catalog: Catalog, memory_mb: int) -> None:
    function = Function(ref=FunctionRef("f", "s"), handler="index.handler", code="/nowhere", memory_mb=memory_mb)
    number = str(catalog.versions.next_number(SERVICE))
    version = Version({"f": function}, stamp=Stamp(number, SPEC_START, SPEC_START))
    catalog.releases.check_changed(SERVICE, version)
    catalog.versions.create((SERVICE, number), version)


def name(catalog: Catalog, alias: Alias) -> None:
    catalog.aliases.check_new((SERVICE, alias.name))
    catalog.releases.check_alias(SERVICE, alias)
    catalog.aliases.create((SERVICE, alias.name), alias)


def unpublish(catalog: Catalog, version: str) -> None:
    catalog.remove(VERSIONS, (SERVICE, version))


def test_a_qualifier_of_digits_is_a_version_and_any_other_word_an_alias():
    catalog = published(128, 256)
    name(catalog, Alias(name="prod", version="2"))
    assert [catalog.releases.resolve(SERVICE, each) for each in (LATEST, "1", "2", "prod")] == [LATEST, "1", "2", "2"]
    with pytest.raises(FCError, match=r"VersionNotFound: version '3' of service 's' does not exist"):
        catalog.releases.resolve(SERVICE, "3")
    with pytest.raises(FCError, match=r"AliasNotFound: alias 'canary' of service 's' does not exist"):
        catalog.releases.resolve(SERVICE, "canary")


def test_the_number_of_a_deleted_version_is_never_given_again():
    catalog = published(128)
    unpublish(catalog, "1")
    publish(catalog, 256)
    assert list(catalog.versions.of(SERVICE)) == ["2"]


def test_publishing_what_is_published_is_refused_until_that_version_is_gone():
    catalog = published(128)
    with pytest.raises(FCError, match=r"VersionPublishError: .*no changes were made"):
        publish(catalog, 128)
    unpublish(catalog, "1")
    publish(catalog, 128)
    assert list(catalog.versions.of(SERVICE)) == ["2"]


def test_an_alias_keeps_its_name_to_itself_and_leads_to_a_version_that_is_there():
    catalog = published(128)
    name(catalog, Alias(name="prod", version="1"))
    with pytest.raises(FCError, match="AliasAlreadyExists"):
        name(catalog, Alias(name="prod", version="1"))
    with pytest.raises(FCError, match="VersionNotFound"):
        name(catalog, Alias(name="next", version="2"))
    assert list(catalog.aliases.of(SERVICE)) == ["prod"]


def test_an_alias_whose_version_is_deleted_leads_nowhere():
    catalog = published(128)
    name(catalog, Alias(name="prod", version="1"))
    unpublish(catalog, "1")
    with pytest.raises(FCError, match="VersionNotFound"):
        catalog.releases.resolve(SERVICE, "prod")


@pytest.mark.parametrize("weights", [{"2": 1.5}, {"2": -0.1}, {"2": float("nan")}])
def test_weights_are_shares_of_one(weights):
    with pytest.raises(InvalidArgument, match="AdditionalVersionWeight"):
        name(published(128, 256), Alias(name="prod", version="1", weights=weights))


def test_the_shares_of_an_alias_leave_out_what_is_gone_or_gets_nothing():
    catalog = published(128, 256, 512)
    name(catalog, Alias(name="prod", version="1", weights={"2": 0.25}))
    assert catalog.releases.shares(SERVICE, "prod") == {"1": 0.75, "2": 0.25}
    catalog.aliases.put((SERVICE, "prod"), Alias(name="prod", version="1", weights={"2": 0.0}))
    assert catalog.releases.shares(SERVICE, "prod") == {}
    catalog.aliases.put((SERVICE, "prod"), Alias(name="prod", version="1", weights={"2": 0.25, "3": 0.25}))
    unpublish(catalog, "3")
    assert catalog.releases.shares(SERVICE, "prod") == {"1": 0.5, "2": 0.25}
