"""Versions and aliases of one owner."""

import pytest

from fcemu.core.errors import FCError, InvalidArgument
from fcemu.core.functions import Function
from fcemu.core.names import LATEST, FunctionRef
from fcemu.core.releases import Alias, Owner, Releases, Version
from fcemu.core.settings import SPEC_START
from fcemu.core.stamps import Stamp


def published(*timeouts: int) -> Releases:
    """Releases of a service whose one function had these memory sizes when it was published."""
    releases = Releases(Owner("service", "s"))
    for memory_mb in timeouts:
        publish(releases, memory_mb)
    return releases


def publish(releases: Releases, memory_mb: int) -> None:
    function = Function(ref=FunctionRef("f", "s"), handler="index.handler", code="/nowhere", memory_mb=memory_mb)
    releases.publish(Version({"f": function}, stamp=Stamp(releases.next_id, SPEC_START, SPEC_START)))


def test_a_qualifier_of_digits_is_a_version_and_any_other_word_an_alias():
    releases = published(128, 256)
    releases.add_alias(Alias(name="prod", version="2"))
    assert [releases.resolve(each) for each in (LATEST, "1", "2", "prod")] == [LATEST, "1", "2", "2"]
    with pytest.raises(FCError, match=r"VersionNotFound: version '3' of service 's' does not exist"):
        releases.resolve("3")
    with pytest.raises(FCError, match=r"AliasNotFound: alias 'canary' of service 's' does not exist"):
        releases.resolve("canary")


def test_the_number_of_a_deleted_version_is_never_given_again():
    releases = published(128)
    releases.remove_version("1")
    publish(releases, 256)
    assert list(releases.versions) == ["2"]


def test_publishing_what_is_published_is_refused_until_that_version_is_gone():
    releases = published(128)
    with pytest.raises(FCError, match=r"VersionPublishError: .*no changes were made"):
        publish(releases, 128)
    releases.remove_version("1")
    publish(releases, 128)
    assert list(releases.versions) == ["2"]


def test_an_alias_keeps_its_name_to_itself_and_leads_to_a_version_that_is_there():
    releases = published(128)
    releases.add_alias(Alias(name="prod", version="1"))
    with pytest.raises(FCError, match="AliasAlreadyExists"):
        releases.add_alias(Alias(name="prod", version="1"))
    with pytest.raises(FCError, match="VersionNotFound"):
        releases.add_alias(Alias(name="next", version="2"))
    assert list(releases.aliases) == ["prod"]


def test_an_alias_whose_version_is_deleted_leads_nowhere():
    releases = published(128)
    releases.add_alias(Alias(name="prod", version="1"))
    releases.remove_version("1")
    with pytest.raises(FCError, match="VersionNotFound"):
        releases.resolve("prod")


@pytest.mark.parametrize("weights", [{"2": 1.5}, {"2": -0.1}, {"2": float("nan")}])
def test_weights_are_shares_of_one(weights):
    with pytest.raises(InvalidArgument, match="AdditionalVersionWeight"):
        published(128, 256).add_alias(Alias(name="prod", version="1", weights=weights))


def test_the_shares_of_an_alias_leave_out_what_is_gone_or_gets_nothing():
    releases = published(128, 256, 512)
    releases.add_alias(Alias(name="prod", version="1", weights={"2": 0.25}))
    assert releases.shares("prod") == {"1": 0.75, "2": 0.25}
    releases.set_alias(Alias(name="prod", version="1", weights={"2": 0.0}))
    assert releases.shares("prod") == {}
    releases.set_alias(Alias(name="prod", version="1", weights={"2": 0.25, "3": 0.25}))
    releases.remove_version("3")
    assert releases.shares("prod") == {"1": 0.5, "2": 0.25}
