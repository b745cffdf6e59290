"""``@value`` and ``@dataclass``: small classes that cost next to nothing to define, and values also to make."""

import dataclasses
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, TypeVar, dataclass_transform

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass

    @dataclass_transform(frozen_default=True, eq_default=True)
    def value(cls: type[T]) -> type[T]:
        """A class of named fields that never change, compared by their values."""

else:

    def value(cls):
        """A class of named fields that never change, compared by their values; a default is given as in a dataclass.

        The fields of the class from which it is derived come first.

        Frozen for the type checker only: facts are made by the million, and setting what is frozen takes twice as long.
        """
        cls = dataclass(cls, slots=True)
        cls.__hash__ = _hash
        return cls

    def _told_by(shown, compared):
        """What the methods of a class with these fields need to know, and those that all classes share."""
        compare = attrgetter(*compared) if compared else type
        return {"_shown": shown, "_compared": compare, "__eq__": _equals, "__repr__": _repr}

    def _compiled(init, known):
        methods = {}
        exec(init, known, methods)  # as dataclasses does
        return methods["__init__"]

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False):
        """What ``dataclasses.dataclass`` does, in a fortieth of its instructions: a start defines 100 to 200 classes.
        With the standard library's, ``fcemu serve`` takes some 30 ms longer to its first answer, 7 in a hundred
        (``bench/start.py``).

        That compiles every method of every class; here only ``__init__`` is, when the first object is made, the others
        are shared. What ``dataclasses`` knows to do with its classes, it does with these: ``fields``, ``replace``,
        ``asdict``. An annotation that is a text makes a field, whatever it says.
        """
        if cls is None:
            return partial(dataclass, frozen=frozen, slots=slots, kw_only=kw_only)
        assert slots, "there are only such with slots"
        by_name = _fields(cls, kw_only)
        fields = tuple(by_name.values())
        shown, compared = [one.name for one in fields if one.repr], [one.name for one in fields if one.compare]
        methods = _told_by(tuple(shown), compared) | (_FROZEN if frozen else {"__hash__": None}) | _OF_DATACLASSES
        methods["__dataclass_fields__"] = by_name
        methods["__match_args__"] = tuple(one.name for one in fields if not one.kw_only)
        cls = _with_slots(cls, by_name, methods)
        if "__init__" not in vars(cls):
            cls.__init__ = _first_init(cls, fields, frozen)
        return cls

    def _fields(cls, kw_only):
        """The fields of ``cls`` as ``dataclasses`` keeps them, those of its bases first."""
        by_name = {}
        for base in cls.__mro__[:0:-1]:
            by_name |= vars(base).get("__dataclass_fields__", {})
        own = vars(cls)
        for name, kind in cls.__annotations__.items():
            if getattr(kind, "__origin__", kind) is not ClassVar:
                given = own.get(name, dataclasses.MISSING)
                one = given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)
                one.name, one.type, one._field_type = name, kind, dataclasses._FIELD
                if one.kw_only is dataclasses.MISSING:
                    one.kw_only = kw_only
                by_name[name] = one
        return by_name

    def _with_slots(cls, names, methods):
        """``cls`` made once more, now that it is known which slots it has, with the methods that it does not define."""
        inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "__slots__", ())}
        own = {name: what for name, what in vars(cls).items() if name not in {*names, "__dict__", "__weakref__"}}
        body = methods | own | {"__qualname__": cls.__qualname__}
        body["__slots__"] = tuple(name for name in names if name not in inherited)
        return type(cls)(cls.__name__, cls.__bases__, body)

    def _first_init(cls, fields, frozen):
        """What stands in for ``__init__`` until the first object is made: most classes have none at the start."""

        def first_init(self, *args, **named):
            cls.__init__ = made = _init(cls, fields, frozen)
            made(self, *args, **named)

        return first_init

    def _init(cls, fields, frozen):
        known = {"by_factory": object()}
        plain, named, sets = [], [], []
        for one in fields:
            name = comes = one.name
            takes = name
            if one.default is not dataclasses.MISSING:
                known[f"default_{name}"] = one.default
                takes = f"{name}=default_{name}"
            elif one.default_factory is not dataclasses.MISSING:
                known[f"make_{name}"] = one.default_factory
                takes = f"{name}=by_factory"
                comes = f"make_{name}() if {name} is by_factory else {name}"
            if frozen:
                known[f"set_{name}"] = getattr(cls, name).__set__
            (named if one.kw_only else plain).append(takes)
            sets.append(f"set_{name}(self, {comes})" if frozen else f"self.{name} = {comes}")
        if hasattr(cls, "__post_init__"):
            sets.append("self.__post_init__()")
        takes = ", ".join(["self", *plain, *["*"][: len(named)], *named])
        return _compiled(f"def __init__({takes}): {'; '.join(sets) or 'pass'}", known)

    def _equals(self, other):
        return self._compared(self) == other._compared(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(self._compared(self))

    def _repr(self):
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({inside})"

    def _set(self, name, value):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _delete(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _state(self):
        return [getattr(self, one.name) for one in dataclasses.fields(self)]

    def _restore(self, state):
        for one, value in zip(dataclasses.fields(self), state, strict=True):
            object.__setattr__(self, one.name, value)

    _FROZEN = {
        "__hash__": _hash,
        "__setattr__": _set,
        "__delattr__": _delete,
        "__getstate__": _state,
        "__setstate__": _restore,
    }

    @dataclasses.dataclass(init=False, repr=False, eq=False)
    class _Plain:
        """A dataclass without fields, for what ``dataclasses`` gives all of its classes."""

    _OF_DATACLASSES = {
        name: vars(_Plain)[name] for name in ("__dataclass_params__", "__replace__") if name in vars(_Plain)
    }
