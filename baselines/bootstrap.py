"""Students that learn from themselves: one loss for consistency, segment and two-time students.

A method is a row: who predicts x1 at t, who predicts x2 at m, and which t > m >= s are drawn. Student and teacher have
the same indices, all of the teacher's, and CLEAN is that of the clean image.

| method       | x1             | m                          | x2             | s                       |
|--------------|----------------|----------------------------|----------------|-------------------------|
| cd           | teacher        | one point of a grid below  | student        | clean                   |
| ct, ect      | the image      | one point, or r(t), below  | student        | clean                   |
| multistep-cd | teacher        | one point of a grid below  | student        | the end of t's segment  |
| shortcut     | student        | half-way to s              | student        | t - 2^j                 |

Progressive distillation and `sfddm-trajectory` ask the teacher alone: `sfddm.targets.trajectory_target`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from sfddm.denoiser import Denoiser, Output, per_image, q_sample, read
from sfddm.sampler import ddim_step
from sfddm.settings import Distance, Weight
from sfddm.targets import bootstrap_target, signal_to_noise, weighted_error, with_clean
from sfddm.training import Loss, Moment

First = Literal["ddim", "heun", "student", "image"]
WIDEST = 80.0  # the most sigma / alpha that a gap counts: the largest of EDM's and of consistency models' grids
SMOOTH = 1e-4  # c of the norm


class Jump(NamedTuple):
    """Indices (N,), long, of the student's step from t to s, and of the point m on its way; CLEAN is possible."""

    t: Tensor
    m: Tensor
    s: Tensor

    def of(self, images: slice) -> "Jump":
        """Return those of some of the images."""
        return Jump(self.t[images], self.m[images], self.s[images])


@dataclass(frozen=True)
class Row:
    """What makes a method of this family.

    first: who predicts x1: the teacher, by DDIM or by Heun; the student; or the image, which x_t was made from. draw:
    of an iteration's jumps. base, share: if given, only that share of a batch bootstraps, its first images, and the
    target of the others is what the base predicts. weight, distance: of the error on x0. by_gap: the error is divided
    by the difference of sigma / alpha at t and at m, at most WIDEST (Geng et al. 2024).
    """

    first: First
    draw: Callable[[Moment], Jump]
    base: First | None = None
    share: float = 1.0
    weight: Weight = "snr+1"
    distance: Distance = "l2"
    by_gap: bool = False
    clip: bool = False


def bootstrap_loss(teacher: Denoiser, student: Denoiser, row: Row) -> Loss:
    """Return the loss of a student that is to make in one step what x1 and then its own prediction make in two."""
    alpha_bar = with_clean(student.alpha_bar)
    levels = signal_to_noise(alpha_bar).rsqrt()

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        jump, eps = row.draw(moment), moment.generator.normal(x0.shape[1:])
        x = q_sample(x0, eps, alpha_bar[jump.t])
        with torch.no_grad():
            target = target_of(row, teacher, replace(student, network=moment.target), x, x0, jump, moment)
        raw = network(x, student.time_input[jump.t], **student.end(jump.s))
        gap = (levels[jump.t] - levels[jump.m]).clamp(max=WIDEST) if row.by_gap else torch.ones_like(levels[jump.t])
        return distance(row, student, raw, target, x, alpha_bar[jump.t], gap)

    return loss


def target_of(
    row: Row, teacher: Denoiser, student: Denoiser, x: Tensor, x0: Tensor, jump: Jump, moment: Moment
) -> Tensor:
    """Return what the student is to predict for x (N,C,H,W) at t: of the images that bootstrap, and of the others."""
    if row.base is None:
        return two_in_one(row, teacher, student, x, x0, jump)
    some, parts = bootstrapping(row.share, moment), []
    if some:
        parts = [two_in_one(row, teacher, student, x[:some], x0[:some], jump.of(slice(some)))]
    if some < len(x):
        rest = slice(some, None)
        parts += [predicted(row.base, teacher, student, x[rest], x0[rest], jump.of(rest), row.clip).x0]
    return torch.cat(parts)


def two_in_one(row: Row, teacher: Denoiser, student: Denoiser, x: Tensor, x0: Tensor, jump: Jump) -> Tensor:
    """Return x~ (N,C,H,W), which leads x (N,C,H,W) from t to s as x1 does to m and then the student to s."""
    alpha_bar = with_clean(student.alpha_bar)
    rho = signal_to_noise(alpha_bar).sqrt()
    first = predicted(row.first, teacher, student, x, x0, jump, row.clip)
    x_m = ddim_step(x, first, alpha_bar[jump.t], alpha_bar[jump.m])
    # What the student says where it is not asked, at a clean m, has no weight.
    second = student(x_m, jump.m.clamp(min=0), row.clip, end=jump.s)
    return bootstrap_target(first.x0, second.x0, rho[jump.t], rho[jump.m], rho[jump.s])


def bootstrapping(share: float, moment: Moment) -> int:
    """Return how many of the moment's images bootstrap: of the whole batch the first ones, to the nearest image."""
    of_batch, images = round(share * moment.generator.batch), moment.generator.images
    return min(max(of_batch - images.start, 0), len(images))


def predicted(
    who: First, teacher: Denoiser, student: Denoiser, x: Tensor, x0: Tensor, jump: Jump, clip: bool
) -> Output:
    """Return what is predicted at t, and the eps that leads with it from t to m."""
    if who == "image":
        return read(x0, x, student.alpha_bar[jump.t], "x0")
    if who == "student":
        return student(x, jump.t, clip, end=jump.m)
    at_t = teacher(x, jump.t, clip)
    return heun(teacher, at_t, x, jump, clip) if who == "heun" else at_t


def heun(teacher: Denoiser, at_t: Output, x: Tensor, jump: Jump, clip: bool) -> Output:
    """Return the prediction whose DDIM step from t to m is Heun's: its slope, eps, is the mean of those at t and at m.

    The step from the last timestep, where sigma / alpha falls from thousands to tens, and that to the clean image,
    where nothing can be asked, stay DDIM steps.
    """
    alpha_bar = with_clean(teacher.alpha_bar)
    at_m = teacher(ddim_step(x, at_t, alpha_bar[jump.t], alpha_bar[jump.m]), jump.m.clamp(min=0), clip)
    eps = (at_t.eps + at_m.eps) / 2
    alpha, sigma = per_image(alpha_bar[jump.t].sqrt(), x), per_image((1 - alpha_bar[jump.t]).sqrt(), x)
    plain = per_image((jump.t == len(teacher) - 1) | (jump.m < 0), x).bool()
    return Output(torch.where(plain, at_t.x0, (x - sigma * eps) / alpha), torch.where(plain, at_t.eps, eps))


def distance(
    row: Row, student: Denoiser, raw: Tensor, target: Tensor, x: Tensor, alpha_bar: Tensor, gap: Tensor
) -> Tensor:
    """Return the mean over the images of their distances from the target, each over its gap.

    l2: the mean of the weighted squares. norm: the norm of an image's weighted error, as sqrt(squares + c^2) - c, whose
    gradient is finite at 0 (Song and Dhariwal 2023).
    """
    factor, error = weighted_error(raw, target, x, alpha_bar, student.prediction, row.weight)
    if row.distance == "l2":
        return (per_image(factor / gap, error) * error).mean()
    norm = ((per_image(factor, error) * error).flatten(1).sum(1) + SMOOTH**2).sqrt() - SMOOTH
    return (norm / gap).mean()
