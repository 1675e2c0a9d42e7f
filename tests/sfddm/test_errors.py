"""What an error says, and that it says the same in another process."""

import copy

from sfddm.errors import InputError, ParameterError


def test_an_unknown_name_is_refused_with_the_possible_ones_and_the_nearest() -> None:
    possible = ["sfddm", "ddim", "dpm-solver"]
    error = InputError.unknown("method", "dpmsolver", possible)
    assert str(error) == "method: 'dpmsolver' given (did you mean 'dpm-solver'?), possible: sfddm, ddim, dpm-solver"
    far = "method: 'keras' given, possible: sfddm, ddim, dpm-solver"
    assert str(InputError.unknown("method", "keras", possible)) == far
    without = "method: 'dpmsolver' given, possible: sfddm, ddim, dpm-solver"
    assert str(InputError.unknown("method", "dpmsolver", iter(possible), hint=False)) == without


def test_a_parameter_error_keeps_its_parameter_when_it_travels() -> None:
    steps, grid = ParameterError("steps", "0 given"), ParameterError.unknown("ddim.grid", "quat", ["quad"])
    said = ["steps: 0 given", "ddim.grid: 'quat' given (did you mean 'quad'?), possible: quad"]
    for error, line in zip((steps, grid), said, strict=True):
        assert isinstance(error, InputError)
        again = copy.copy(error)  # as pickle does: the class, called with the error's arguments
        assert (str(error), str(again), again.parameter) == (line, line, error.parameter)
