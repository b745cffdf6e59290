"""Classes that cost little to define: what they do as the standard library's dataclasses do."""

import copy
import dataclasses
import pickle

import pytest

from fcemu.core.values import dataclass, value


@dataclass(frozen=True, slots=True)
class Point:
    """Two numbers."""

    x: int
    y: int = 2

    @property
    def total(self) -> int:
        """Their sum."""
        return self.x + self.y


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Point):
    """A point that has more to it."""

    names: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if "" in self.names:
            raise ValueError("a name is empty")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen, and when."""

    what: str
    when: int = dataclasses.field(compare=False)
    how: str = dataclasses.field(default="", repr=False)


@dataclass(slots=True)
class Counter:
    """Something that changes."""

    count: int = 0


@value
class Pair:
    """Two of anything."""

    left: object
    right: object = None


@value
class Nothing:
    """No fields."""


def test_fields_are_given_by_place_and_by_name_and_have_defaults():
    assert (Point(1).x, Point(1).y, Point(y=3, x=4).total) == (1, 2, 7)
    assert (Pair(1).right, Pair(right=1, left=2).left) == (None, 2)
    with pytest.raises(TypeError, match="x"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="3"):
        Point(1, 2, 3)  # type: ignore[call-arg]


def test_what_a_factory_makes_is_not_shared():
    one, other = Named(1), Named(1)
    one.names.append("a")
    assert (one.names, other.names) == (["a"], [])


def test_fields_that_are_inherited_come_first_and_those_by_name_only_are_so():
    assert Named(1, 5, names=["a"]).total == 6
    with pytest.raises(TypeError):
        Named(1, 5, ["a"])  # type: ignore[misc]


def test_what_is_checked_after_the_fields_are_set_may_refuse():
    with pytest.raises(ValueError, match="a name is empty"):
        Named(1, names=[""])


def test_equal_are_those_of_one_class_with_equal_fields():
    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Point(1) != Named(1)
    assert Pair(1) == Pair(1)
    assert Pair(1) != Point(1)
    assert Nothing() == Nothing()


def test_a_field_may_be_no_part_of_what_is_compared_or_shown():
    assert Seen("a", 1) == Seen("a", 2)
    assert len({Seen("a", 1), Seen("a", 2), Seen("b", 1)}) == 2
    assert repr(Seen("a", 1, "b")) == "Seen(what='a', when=1)"


def test_what_never_changes_can_be_a_key_and_what_changes_cannot():
    assert {Point(1): "a", Pair(1): "b", Nothing(): "c"}[Point(1, 2)] == "a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_a_frozen_object_refuses_changes_and_another_takes_them():
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)


def test_there_is_no_room_for_more_than_the_fields():
    for one in (Counter(), Pair(1)):
        assert not hasattr(one, "__dict__")
    with pytest.raises(AttributeError):
        Counter().other = 1  # type: ignore[attr-defined]


def test_people_see_the_fields():
    assert repr(Named(1, names=["a"])) == "Named(x=1, y=2, names=['a'])"
    assert repr(Pair("a")) == "Pair(left='a', right=None)"


def test_a_pattern_takes_the_fields_apart():
    match Point(1), Pair("a"):
        case Point(x, y), Pair(left):
            assert (x, y, left) == (1, 2, "a")
        case other:
            pytest.fail(f"{other} is not taken apart")


def test_the_standard_library_knows_what_to_do_with_a_dataclass():
    named = Named(1, names=["a"])
    assert [one.name for one in dataclasses.fields(named)] == ["x", "y", "names"]
    assert dataclasses.replace(named, y=3) == Named(1, 3, names=["a"])
    assert dataclasses.asdict(named) == {"x": 1, "y": 2, "names": ["a"]}
    assert dataclasses.astuple(Point(1)) == (1, 2)


def test_copies_and_pickles_are_equal():
    named = Named(1, names=["a"])
    copied = copy.deepcopy(named)
    assert copied == named == copy.copy(named) == pickle.loads(pickle.dumps(named))
    assert copied.names is not named.names
