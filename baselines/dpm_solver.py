"""dpm-solver: the teacher itself by DPM-Solver++(2M), the alternative to distilling. Trains nothing."""

from baselines.settings import DPMSolverSettings
from sfddm.dpm_solver import DPMSolverSampler
from sfddm.method import Method


class DPMSolver(Method):
    """The teacher, by a second-order solver."""

    name = "dpm-solver"
    summary = DPMSolverSettings.summary
    Settings = DPMSolverSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> DPMSolverSampler:
        return DPMSolverSampler(self.settings.clip == "x0")
