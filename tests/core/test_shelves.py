"""A shelf against the plainest thing that could be one: a list of keys and resources."""

from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.errors import FCError, refused
from fcemu.core.paging import Wanted
from fcemu.core.shelves import ResourceType, Shelf

GROUPS, NAMES = "abc", ["9", "10", "7", "12"]
keys = st.tuples(st.sampled_from(GROUPS), st.sampled_from(NAMES))
resources = st.integers(0, 5)
changes = st.one_of(
    st.tuples(st.just("create"), keys, resources),
    st.tuples(st.just("put"), keys, resources),
    st.tuples(st.just("remove"), keys, resources),
    st.tuples(st.just("forget"), keys, resources),
    st.tuples(st.just("replace"), keys, st.lists(st.sampled_from(NAMES), unique=True)),
    st.tuples(st.just("page"), keys, st.integers(1, 3)),
    st.tuples(st.just("copy"), keys, st.booleans()),
)


def kind(*, mixed: bool) -> ResourceType[tuple[str, str], tuple[int, str]]:
    return ResourceType(
        name="things",
        blank=lambda key: (0, ""),
        missing=lambda key: refused("DomainNameNotFound", name=key),
        taken=lambda key: refused("DomainNameAlreadyExists", name=key),
        said=str,
        numbered=True,
        mixed=mixed,
    )


def indexed(shelf):
    return shelf.index(lambda resource: resource[1] or None, lambda resource: resource)


def content(shelf):
    """All that a shelf tells, but for its pages, which are made of the same."""
    return list(shelf.items()), {group: shelf.of(group) for group in GROUPS}, dict(shelf.numbers)


def outcome(does, *given):
    """What comes of it: what it returns, or the code of the refusal."""
    try:
        return does(*given)
    except FCError as refusal:
        return refusal.code


@given(st.lists(changes, max_size=30), st.booleans())
def test_a_shelf_has_what_was_put_there_in_its_order_with_its_pages_numbers_and_indexes(done, mixed):
    shelf, model, begun, last, others = Shelf(kind(mixed=mixed)), {}, [], {}, []
    index = indexed(shelf)
    for what, key, number in done:
        if what == "copy":  # what follows is done to one of the two, and the other stays as it is
            copy = Shelf(shelf.type, shelf)
            two = [(copy, indexed(copy)), (shelf, index)]
            (shelf, index), (other, its_index) = two if number else reversed(two)
            others.append((other, its_index, content(other), dict(its_index)))
            continue
        group, resource = key[0], (number, f"{'/'.join(key)}#{number}" if number else "")
        own = [one for one in model if one[0] == group]
        if what == "create":
            wanted = "DomainNameAlreadyExists" if key in model else None
            assert outcome(shelf.create, key, resource) == wanted
        if what == "remove":
            assert outcome(shelf.remove, key) == model.pop(key, "DomainNameNotFound")
        if what == "forget":
            shelf.forget(group)
            last.pop(group, None)
            begun = [one for one in begun if one != group]
            for one in own:
                del model[one]
        made = {}
        if what == "put":
            shelf.put(key, resource)
            made = {key: resource}
        elif what == "create" and key not in model:
            made = {key: resource}
        elif what == "replace":
            shelf.replace(group, {(group, name): (1, f"{group}/{name}#1") for name in number})
            for one in own:
                del model[one]
            made = {(group, name): (1, f"{group}/{name}#1") for name in number}
        for one in made:
            model[one] = made[one]
            last[group] = max(last.get(group, 0), int(one[1]))
            begun = begun if group in begun else [*begun, group]
        if what == "page":
            page = shelf.page(group, Wanted(limit=number))
            pages = list(page.items)
            while page.next:
                page = shelf.page(group, Wanted(start=page.next, limit=number))
                pages += page.items
            assert pages == [model[one] for one in sorted(own)]
    ordered = list(model) if mixed else sorted(model, key=lambda one: begun.index(one[0]))
    assert list(shelf.items()) == [(one, model[one]) for one in ordered]
    assert {group: list(shelf.of(group)) for group in GROUPS if shelf.has(group)} == {
        group: [one[1] for one in model if one[0] == group] for group in GROUPS if any(one[0] == group for one in model)
    }
    assert shelf.numbers == last
    assert index == {resource[1]: resource for resource in model.values() if resource[1]}
    assert all(shelf.get(one) == model.get(one) for one in [(group, name) for group in GROUPS for name in NAMES])
    for other, its_index, held, found in others:
        assert (content(other), its_index) == (held, found)
        assert all(other.get(key) == resource for key, resource in held[0])
