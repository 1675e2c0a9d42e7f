"""The resolved configuration of a run: frozen objects that refuse an unknown key."""

from typing import Any

from bench.config import methods
from bench.config.checked import variant_settings
from bench.config.sections import DataSettings, Sections
from sfddm.checkpoint import DenoiserSpec, read_spec
from sfddm.errors import InputError, ParameterError
from sfddm.method import Fold, Method, share_budget
from sfddm.performance import Performance
from sfddm.words import plural


class Config(Sections):
    """The values with what follows from them: the teacher, the methods and their folds."""

    performance: Performance = Performance()

    def identity(self) -> dict[str, Any]:
        """Return as plain values what decides numbers: of the performance only that.

        Performance and data are left out at their defaults, as they were before there were such settings.
        """
        decides = self.performance.decides()
        own = self.model_dump(mode="json", exclude={"performance", "data"})
        data = self.data.model_dump(mode="json") if self.data != DataSettings() else {}
        return own | ({"data": data} if data else {}) | ({"performance": decides} if decides else {})

    def teacher_spec(self) -> DenoiserSpec:
        """Return what the teacher is."""
        teacher = self.teacher
        if teacher.weights is not None:
            try:
                return read_spec(teacher.weights)
            except InputError as error:
                raise InputError(f"{error}; make such a file with: sfddm-bench teacher import") from None
        return DenoiserSpec(
            network=self.network, prediction=teacher.prediction, schedule=teacher.schedule, timesteps=teacher.timesteps
        )

    def folds(self, method: Method, steps: int) -> list[Fold]:
        """Return the folds of a method, within the budget, or within the single fold's evaluations if shared."""
        folds, first_share = method.folds(steps), getattr(method.settings, "first_share", None)
        if self.budget is not None:
            return share_budget(folds, self.budget, first_share)
        if folds and getattr(method.settings, "compute", "each") == "shared":
            shared = sum(fold.total_evaluations for fold in self.method(methods.SINGLE_FOLD).folds(steps))
            try:
                return share_budget(folds, shared, first_share)
            except ParameterError:
                raise ParameterError(
                    f"{method.name}.compute",
                    f"'shared' given, but the {shared:,} network evaluations of {methods.SINGLE_FOLD}'s student are "
                    f"less than one iteration of each of the {len(folds)} folds of {method.name} to "
                    f"{plural(steps, 'step')}; possible: more student.iterations, or {method.name}.iterations for each "
                    "fold",
                ) from None
        return folds

    def at(self, budget: int | None) -> "Config":
        """Return the configuration under a budget."""
        return self if budget == self.budget else self.model_copy(update={"budget": budget})

    def method(self, name: str) -> Method:
        """Return a method with its settings from this configuration; a variant's own lie on top. Raises InputError."""
        base, settings = variant_settings(name, self.methods)
        method = methods.get(base)(settings, self.teacher_spec())
        method.label = name
        return method
