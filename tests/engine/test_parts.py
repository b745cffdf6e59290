"""Parts of an object are made when something first asks for them, once."""

import threading

from fcemu.engine.parts import part


class Whole:
    def __init__(self):
        self.made = []
        self.meet = threading.Barrier(2)

    @part
    def one(self):
        """A part that takes a while to make."""
        self.meet.wait()
        self.made.append(object())
        return self.made[-1]

    @part
    def quick(self):
        self.made.append(object())
        return self.made[-1]


def test_a_part_is_made_when_it_is_first_asked_for_and_stays():
    whole = Whole()
    assert whole.made == []
    assert whole.quick is whole.quick
    assert len(whole.made) == 1
    assert Whole.__dict__["one"].__doc__ == "A part that takes a while to make."


def test_threads_that_ask_at_the_same_moment_get_the_same_part():
    whole, got = Whole(), []
    threads = [threading.Thread(target=lambda: got.append(whole.one)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(whole.made) == 2
    assert got[0] is got[1] is whole.one
