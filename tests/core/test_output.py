"""Output of an attempt: whole up to a limit, beyond it the same two halves however it was cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from fcemu.core.output import Output

LIMIT = 64
TEXTS = st.lists(st.text(st.sampled_from("aé世\U0001f600\udcff\n"), max_size=40), max_size=40)


def kept(pieces):
    output = Output(LIMIT)
    for piece in pieces:
        output.append(piece)
    return "".join(output)


def size(text):
    return len(text.encode("utf-8", "surrogatepass"))


@given(TEXTS)
def test_up_to_its_limit_output_is_whole(pieces):
    text = "".join(pieces)
    if size(text) <= LIMIT:
        assert kept(pieces) == text


@given(TEXTS)
def test_beyond_its_limit_begin_and_end_are_kept_and_the_rest_is_counted(pieces):
    text = "".join(pieces)
    if size(text) <= LIMIT:
        return
    begin, left_out, end = kept(pieces).replace("\n[fcemu left ", "|").replace(f"{LIMIT // 2} bytes]\n", "|").split("|")
    assert text.startswith(begin)
    assert text.endswith(end)
    assert all(LIMIT // 2 - 4 < size(half) <= LIMIT // 2 for half in (begin, end))
    assert int(left_out.partition(" ")[0]) == size(text) - size(begin) - size(end)


@given(TEXTS)
def test_how_output_was_cut_into_pieces_makes_no_difference(pieces):
    assert kept(pieces) == kept(list("".join(pieces)))


def test_many_small_pieces_take_no_more_room_than_their_text():
    output = Output(LIMIT)
    for _ in range(100_000):
        output.append("x")
    assert sum(map(len, output)) < 4 * LIMIT
    assert len(output._new) + len(output._settled.first) + len(output._settled.last) < 100 * LIMIT


def test_what_is_shown_already_is_rewritten_only_together_with_other_text():
    output = Output()
    output.rewrite = str.upper
    assert output.text() == ""
    output.append("an error\n", shown=True)
    assert output.text() == "an error\n"
    output.append("more\n")
    assert output.text() == "AN ERROR\nMORE\n"
