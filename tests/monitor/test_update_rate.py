"""UpdateRate: how often monitors look."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.monitor.update_rate import UpdateRate


class Clock:
    """A clock and a processor's time, in a test's hands."""

    def __init__(self) -> None:
        self.now, self.spent = 100.0, 7.0

    def rate(self, share: float) -> UpdateRate:
        return UpdateRate(share, lambda: self.now, lambda: self.spent)

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.spent += seconds


def test_what_takes_no_time_is_due_at_once() -> None:
    clock = Clock()
    rate = clock.rate(0.03)
    assert rate.is_due()
    with rate.spending(among=3):
        pass
    assert rate.is_due()


def test_what_takes_long_is_due_later_and_waiting_is_no_work() -> None:
    clock = Clock()
    rate = clock.rate(0.1)
    with rate.spending(among=1):
        clock.now += 50.0  # the thread waited
        clock.work(0.5)
    clock.now += 4.9
    assert not rate.is_due()
    clock.now += 0.2
    assert rate.is_due()


@given(
    st.lists(st.floats(min_value=0.0, max_value=1.0), min_size=5, max_size=30),
    st.integers(min_value=1, max_value=20),
)
def test_all_together_take_no_more_than_the_share(works: list[float], among: int) -> None:
    """However long each time takes, the last one aside."""
    clock = Clock()
    rate = clock.rate(0.03)
    begun, spent = clock.now, clock.spent
    for work in works:
        while not rate.is_due():
            clock.now += 0.2
        took = clock.now - begun
        assert (clock.spent - spent) * among <= 0.03 * took + 1e-9
        with rate.spending(among):
            clock.work(work)
