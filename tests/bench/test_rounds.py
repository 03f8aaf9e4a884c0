from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_py.bench.rounds import Clock, Spread, Times, measure, ratio


class FakeMachine:
    """A clock that only work moves: `drift` makes every call slower than the one before."""

    def __init__(self, drift: float = 1.0) -> None:
        self.now, self.speed, self.drift = 0.0, 1.0, drift
        self.log: list[str] = []

    def worker(self, name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.log.append(name)
            self.now += seconds * self.speed
            self.speed *= self.drift

        return work

    def clock(self) -> Clock:
        return Clock(lambda: 2 * self.now, lambda: self.now, True)


def test_contenders_take_turns_of_two_calls() -> None:
    machine = FakeMachine()
    workers = [machine.worker(name, 1) for name in "ABC"]
    measure(workers, rounds=2, warm_up=1, clock=machine.clock())
    assert "".join(machine.log) == 3 * "AABBCC"


def test_one_call_of_each_turn_is_timed_in_milliseconds_and_warm_up_is_not() -> None:
    machine = FakeMachine()
    (times,) = measure([machine.worker("A", 0.25)], rounds=3, warm_up=2, clock=machine.clock())
    assert times == Times([500.0] * 3, [250.0] * 3)


def test_a_machine_that_slows_down_leaves_the_ratio_nearly_as_it_is() -> None:
    machine = FakeMachine(drift=1.01)
    first, second = measure([machine.worker("A", 1), machine.worker("B", 3)], 50, 0, machine.clock())
    assert first.processor[-1] > 5 * first.processor[0]
    found = ratio(second.processor, first.processor)
    assert found.median == pytest.approx(3 * 1.01**2)
    assert found.upper == pytest.approx(found.lower)


def test_quartiles_are_those_of_five_numbers_by_hand() -> None:
    assert Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(3.0, 2.0, 4.0, 1.0)


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=30))
def test_a_contender_is_once_as_slow_as_itself(times: list[float]) -> None:
    assert ratio(times, times) == Spread(1.0, 1.0, 1.0, 1.0)


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=30))
def test_quartiles_lie_around_the_median_and_above_the_least(times: list[float]) -> None:
    found = Spread.of(times)
    slack = 1e-9 * max(times)
    assert found.least - slack <= found.lower <= found.median + slack
    assert found.median <= found.upper + slack


def test_progress_ends_at_all_rounds() -> None:
    told: list[tuple[int, int]] = []
    measure([lambda: None], 2, 1, Clock(), lambda done, of: told.append((done, of)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
