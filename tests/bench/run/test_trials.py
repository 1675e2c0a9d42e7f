"""Trials, by a clock of their own: they reach the batch where there is time, and their first call does not count."""

import pytest

from bench.run.trials import CALLS, Call, Trial


class Machine:
    """A machine on which a call takes some seconds, some more an image, and the first call a while besides.

    waits: seconds in which others have the processor, in each call.
    """

    def __init__(self, call: float = 0.0, image: float = 0.001, first: float = 0.0, waits: float = 0.0):
        self.call, self.image, self.first, self.waits = call, image, first, waits
        self.now, self.waited, self.sizes = 0.0, 0.0, list[int]()

    def clock(self) -> float:
        return self.now

    def ready(self, device: str) -> Call:
        def call(images: int) -> None:
            self.waited += self.waits
            self.now += self.waits + self.call + images * self.image + (0.0 if self.sizes else self.first)
            self.sizes.append(images)

        return call

    def worked(self) -> float:
        return self.now - self.waited

    def tried(self, batch: int, limit: float, device: str = "cpu") -> tuple[float, int]:
        return Trial(batch, self.ready).seconds_of_an_image(device, limit, self.clock, self.worked)


def test_a_batch_is_tried_ten_times_and_the_first_call_does_not_count() -> None:
    machine = Machine(call=0.01, first=60.0)
    seconds, images = machine.tried(64, 2.0)
    assert machine.sizes == [1, 1, 8, *[64] * CALLS]
    assert images == 64 * CALLS
    assert seconds == pytest.approx(0.001 + 0.01 / 64)


def test_a_batch_for_which_there_is_no_time_is_tried_in_part() -> None:
    machine = Machine(image=0.1)
    seconds, _ = machine.tried(64, 1.0)
    assert max(machine.sizes) == 8
    assert seconds == pytest.approx(0.1)
    assert machine.now < 2.0


def test_a_batch_that_is_not_reached_is_known_from_two_smaller_ones() -> None:
    machine = Machine(call=0.1)
    seconds, _ = machine.tried(64, 0.01)
    assert machine.sizes == [1, 1, 8]
    assert seconds == pytest.approx(0.001 + 0.1 / 64)  # by the call of one image alone it would be 0.1


def test_images_that_take_long_are_tried_twice() -> None:
    machine = Machine(image=30.0)
    assert machine.tried(64, 1.0) == (30.0, 1)
    assert machine.sizes == [1, 1]


def test_seconds_in_which_others_have_the_processor_do_not_count_but_a_gpu_is_waited_for() -> None:
    busy = Machine(call=0.01, waits=3.0)
    assert busy.tried(64, 2.0)[0] == pytest.approx(0.001 + 0.01 / 64)
    assert busy.now < 60.0
    assert Machine(call=0.01, waits=0.5).tried(64, 100.0, "meta")[0] == pytest.approx(0.001 + 0.51 / 64)


def test_a_batch_of_one_is_no_larger() -> None:
    machine = Machine()
    machine.tried(1, 1.0)
    assert set(machine.sizes) == {1}
