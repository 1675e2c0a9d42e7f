"""Plots: what is drawn, in whose colour, and that the schedule drawn is the one that training uses."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers.made_records import made, sweep, written
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.config.methods import METHODS
from bench.plots.curves import curves, quality_over_steps, quality_over_time
from bench.plots.figures import write_figure, write_plots
from bench.plots.samples import cell_pictures, sample_grid
from bench.plots.schedule import noise_schedule, subsequences
from bench.plots.style import PALETTE, STYLE, look, looks
from bench.plots.training import few, quality_over_training
from bench.records.groups import groups
from bench.records.pictures import read_sheet, write_sheet
from bench.records.record import REAL
from sfddm.schedule import alpha_bar_table


@pytest.mark.parametrize("name", ["sigmoid", "linear", "cosine"])
@pytest.mark.parametrize("timesteps", [16, 1000, 1024])
def test_the_schedule_drawn_is_the_schedule_trained_on(name: str, timesteps: int) -> None:
    settings = {"teacher": {"schedule": name, "timesteps": timesteps, "weights": None}}
    (group,) = groups([made("ddim", 4, 0, config=settings, timesteps=[3, 7, 11, 15])])
    figure = noise_schedule(group)
    assert figure is not None
    (drawn,) = figure.axes[0].get_lines()
    assert list(drawn.get_ydata()) == list(alpha_bar_table(name, timesteps))  # type: ignore[arg-type]
    assert list(drawn.get_xdata()) == list(range(timesteps))


def test_every_method_has_one_colour_and_one_marker_of_its_own() -> None:
    assert len(PALETTE) >= len(METHODS)
    assert len({colour for colour, _ in PALETTE}) == len({marker for _, marker in PALETTE}) == len(PALETTE)
    assert look("somebody-elses") == look("somebody-elses")


def test_variants_keep_their_methods_marker_and_hue_and_look_like_no_other_row() -> None:
    variants = [f"sfddm[hidden_weight={k}]" for k in range(7)]
    found = looks([(name, name) for name in ("sfddm", *variants, "ddim")])
    assert found["sfddm"] == look("sfddm")
    assert found["ddim"] == look("ddim")
    assert len(set(found.values())) == len(found)
    assert {found[name].marker for name in variants} == {look("sfddm").marker}
    hues = {
        round(float(matplotlib.colors.rgb_to_hsv(matplotlib.colors.to_rgb(found[n].colour))[0]), 2) for n in variants
    }
    assert len(hues) == 1


def luminance_apart(one: str, other: str) -> float:
    """Return how far two colours are apart in linear RGB as a deuteranope sees them (Vienot, Brettel, Mollon 1999)."""
    seen = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    linear = [np.array(matplotlib.colors.to_rgb(colour)) ** 2.2 for colour in (one, other)]
    return float(np.abs(seen @ linear[0] - seen @ linear[1]).max())


def test_no_two_methods_look_alike_to_the_colour_blind() -> None:
    colours = [colour for colour, _ in PALETTE]
    apart = [luminance_apart(a, b) for k, a in enumerate(colours) for b in colours[:k]]
    assert min(apart) > 0.03


def test_a_curve_is_the_mean_over_seeds_with_a_band_from_least_to_most() -> None:
    (group,) = groups([made("ddim", 4, seed, distance=value) for seed, value in enumerate((3.0, 4.0, 8.0))])
    (curve,) = curves(group, lambda record: record.distance)
    assert (curve.steps, curve.mean, curve.least, curve.most) == ([4], [5.0], [3.0], [8.0])


def test_quality_over_steps_draws_every_method_and_the_floor_and_no_failed_cell() -> None:
    failed = made("pd", 4, 0, failure="out of memory")
    (group,) = groups([*sweep(("sfddm", "ddim"), (1, 4), (0, 1)), failed])
    figure = quality_over_steps(group)
    assert figure is not None
    drawn = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert set(drawn) == {"sfddm", "ddim", f"{REAL}, half against half"}
    assert drawn["ddim"].get_color() == look("ddim").colour
    assert list(drawn["ddim"].get_xdata()) == [1.0, 4.0]


def test_time_is_of_single_images_where_they_were_timed_and_of_batches_else() -> None:
    (group,) = groups(sweep(("ddim",), (1, 4), (0,)))
    figure = quality_over_time(group)
    assert figure is not None
    assert "one at a time" in figure.axes[0].get_xlabel()
    (group,) = groups([made("ddim", 4, 0, sampling_cost__latency=None)])
    figure = quality_over_time(group)
    assert figure is not None
    assert "batches" in figure.axes[0].get_xlabel()
    (point,) = figure.axes[0].get_lines()
    cost = group.records[0].sampling_cost
    assert cost is not None
    rate = cost.images_per_second
    assert rate is not None
    assert list(point.get_xdata()) == [1 / rate]


def test_training_cost_has_a_panel_for_each_of_at_most_four_step_counts_and_the_teacher_at_nought() -> None:
    assert few([1, 2, 4, 8, 16]) == [1, 2, 8, 16]
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4), (0,)))
    figure = quality_over_training(group)
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 step", "4 steps"]
    places = {line.get_label(): list(line.get_xdata()) for line in figure.axes[0].get_lines()}
    assert places["ddim"] == [0.0]
    assert places["sfddm"] == [2_000_000.0]
    (group,) = groups(sweep(("ddim",), (1, 4), (0,)))
    assert quality_over_training(group) is None


def test_equal_subsequences_share_a_line_and_others_have_their_own() -> None:
    leading = made("sfddm-reference", 4, 0, timesteps=[0, 256, 512, 768])
    (group,) = groups([made("sfddm", 4, 0), made("ddim", 4, 0), leading])
    lines = {label: visited for visited, label, _ in subsequences(group)}
    assert lines == {"4 steps: sfddm and ddim": (255, 511, 767, 1023), "4 steps: sfddm-reference": (0, 256, 512, 768)}
    given = made(
        "ddim", 4, 0, config={"teacher": {"weights": "teacher.safetensors", "schedule": "sigmoid", "timesteps": 9}}
    )
    assert noise_schedule(groups([given])[0]) is None


@pytest.mark.parametrize(("channels", "size", "count"), [(1, 8, 64), (3, 32, 64), (3, 16, 5)])
def test_images_read_back_from_a_grid_are_the_pixels_that_were_written(
    channels: int, size: int, count: int, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, size, size), np.uint8)
    write_sheet(pixels, tmp_path / "grid.png")
    picture = read_sheet(tmp_path / "grid.png", size, 2, 2).reshape(2 * size + 1, 2 * size + 1, channels)
    for k, (top, left) in enumerate([(0, 0), (0, size + 1), (size + 1, 0), (size + 1, size + 1)]):
        assert (picture[top : top + size, left : left + size] == pixels[k].transpose(1, 2, 0)).all()


def test_the_sample_grid_shows_each_cell_in_its_row_and_column(tmp_path: Path) -> None:
    written(sweep(("sfddm", "ddim"), (1, 4), (0, 1)), tmp_path, pictures=True)
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4), (0, 1)))
    figure = sample_grid(group, cell_pictures([tmp_path], group.records))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["sfddm", "ddim"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1 step", "4 steps"]
    assert sample_grid(group, {}) is None


def test_text_in_a_pdf_stays_text_and_no_label_leaves_the_figure(tmp_path: Path) -> None:
    (group,) = groups(sweep(steps=(1, 2, 4, 8, 1024), seeds=(0, 1)))
    with matplotlib.rc_context(STYLE):
        for draw in (quality_over_steps, quality_over_time, quality_over_training, noise_schedule):
            figure = draw(group)
            assert figure is not None
            _, pdf = write_figure(figure, tmp_path / draw.__name__)
            assert b"/Type /Font" in pdf.read_bytes()
            box = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
            assert box.x0 >= -0.02
            assert box.y0 >= -0.02
            assert box.x1 <= figure.get_figwidth() + 0.02
            assert box.y1 <= figure.get_figheight() + 0.02


def test_an_interpolation_beside_a_record_becomes_a_strip(tmp_path: Path) -> None:
    records = sweep(("sfddm", "ddim"), (4,), (0,))
    written(records, tmp_path, pictures=True)
    for path in list(tmp_path.rglob("records/*/*.png")):
        path.with_name(f"{path.stem}-interpolation.png").write_bytes(path.read_bytes())
    names = {path.name for path in write_plots(groups(records), [tmp_path], tmp_path / "plots")}
    assert {"cifar10-32-paper-interpolation.png", "cifar10-32-paper-interpolation.pdf"} <= names


def test_a_method_of_another_package_looks_like_none_of_ours() -> None:
    ours = {part for colour_and_marker in PALETTE for part in colour_and_marker}
    for name in ("somebody-elses", "consistency-model", "rectified-flow", "turbo", "x"):
        assert not {look(name).colour, look(name).marker} & ours
