"""dpm-solver: the teacher itself by DPM-Solver++(2M), the alternative to distilling. Trains nothing."""

from baselines.respaced import RespacedSettings
from sfddm.dpm_solver import DPMSolverSampler
from sfddm.method import Method


class DPMSolver(Method):
    """The teacher, by a second-order solver."""

    name = "dpm-solver"
    summary = "the teacher by DPM-Solver++(2M): training-free"
    Settings = RespacedSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> DPMSolverSampler:
        return DPMSolverSampler(self.settings.clip == "x0")
