"""Plots: what is drawn, in whose colour, and that the schedule drawn is the one that training uses."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers.made_records import BUDGETS, budgeted, made, sweep, written
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.config.methods import METHODS
from bench.metrics.sampling_cost import MIB
from bench.plots.curves import FEW_SEEDS, Curve, curves
from bench.plots.figures import write_figure, write_plots
from bench.plots.frontier import distance_over_budgets
from bench.plots.memory import memory
from bench.plots.panels import MOST_LINES, broken, line, panels
from bench.plots.quality import quality_over_steps, quality_over_time
from bench.plots.samples import sample_grid
from bench.plots.schedule import noise_schedule, subsequences
from bench.plots.style import PALETTE, PLUGGED, STYLE, Look, look, looks
from bench.plots.training import quality_over_training
from bench.records.groups import groups
from bench.records.pictures import Pictures, read_sheet, sheet_png, write_sheet
from bench.records.record import REAL, read_records, write_record
from bench.tables.frontier import frontiers
from bench.tables.table import NOISE
from sfddm.schedule import alpha_bar_table
from sfddm.words import plural


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


@pytest.mark.parametrize(
    ("values", "ends"), [((3.0, 4.0, 8.0), (3.0, 8.0)), ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), (2.5, 5.5))]
)
def test_a_curve_is_the_median_over_seeds_between_the_least_and_the_most_or_of_many_the_quartiles(
    values: tuple[float, ...], ends: tuple[float, float]
) -> None:
    (group,) = groups([made("ddim", 4, seed, distance=value) for seed, value in enumerate(values)])
    (curve,) = curves(group, lambda record: record.distance)
    assert (curve.at, curve.middle, curve.ends) == ([4], [4.0], [ends])


def drawn_lines(figure: Figure) -> list[dict[str, Line2D]]:
    """Return, of each panel, the named lines."""
    return [
        {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
        for axes in figure.axes
    ]


def title_of(figure: Figure) -> str:
    """Return a figure's title on one line."""
    return " ".join(figure.get_suptitle().split())


def test_quality_over_steps_draws_every_method_and_the_floor_and_no_failed_cell() -> None:
    failed = made("pd", 4, 0, failure="out of memory")
    (group,) = groups([*sweep(("sfddm", "ddim"), (1, 4), (0, 1)), failed])
    figure = quality_over_steps(group)
    assert figure is not None
    (drawn,) = drawn_lines(figure)
    assert set(drawn) == {"sfddm", "ddim", f"{REAL} (floor)"}
    assert drawn["ddim"].get_color() == look("ddim").colour
    assert list(drawn["ddim"].get_xdata()) == [1.0, 4.0]


def test_a_few_seeds_are_drawn_each_and_lie_within_the_axes() -> None:
    values = (3.0, 4.0, 80.0)
    (group,) = groups([made("ddim", 4, seed, distance=value) for seed, value in enumerate(values)])
    figure = quality_over_steps(group)
    assert figure is not None
    (axes,) = figure.axes
    (dots,) = [line for line in axes.get_lines() if str(line.get_label()).startswith("_")]
    assert list(dots.get_ydata()) == list(values)
    assert axes.get_ylim()[0] < min(values)
    assert axes.get_ylim()[1] > max(values)
    assert not axes.collections
    assert "line: median of 3 seeds; dots beside it: each seed" in title_of(figure)


def test_of_many_seeds_the_quartiles_are_drawn_and_one_seed_has_no_spread() -> None:
    (group,) = groups([made("ddim", step, seed) for seed in range(FEW_SEEDS + 1) for step in (1, 4)])
    figure = quality_over_steps(group)
    assert figure is not None
    assert len(figure.axes[0].collections) == 1
    assert "band: quartiles" in title_of(figure)
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4), (0,)))
    for draw in (quality_over_steps, quality_over_time, quality_over_training):
        figure = draw(group)
        assert figure is not None
        assert "one seed" in title_of(figure)
        assert not {"band", "median", "quartiles;"} & set(title_of(figure).replace(":", "").split())
        assert not figure.axes[0].collections
        assert not figure.axes[0].patches


def test_a_plot_says_how_many_seeds_its_rows_have_if_they_differ() -> None:
    (group,) = groups([*(made("ddim", 4, seed) for seed in range(3)), made("sfddm", 4, 0)])
    figure = quality_over_steps(group)
    assert figure is not None
    assert "median of 1 to 3 seeds" in title_of(figure)


def test_more_than_six_lines_become_panels_with_families_together_and_the_control_and_floor_in_each() -> None:
    (group,) = groups(sweep(steps=(1, 4), seeds=(0,)))
    for draw in (quality_over_steps, quality_over_time):
        figure = draw(group)
        assert figure is not None
        names = [set(lines) - {f"{REAL} (floor)"} for lines in drawn_lines(figure)]
        assert names == [
            {"sfddm", "sfddm-reference", "sfddm-trajectory", "pd", "pd-reference", "ddim"},
            {"cd", "ect", "ct", "multistep-cd", "ct-reference", "ddim"},
            {"shortcut", "scratch", "ddim", "ddpm", "dpm-solver"},
        ]
        assert all(f"{REAL} (floor)" in lines for lines in drawn_lines(figure))
        assert len({axes.get_ylim() for axes in figure.axes}) == 1


@pytest.mark.parametrize("count", range(1, 20))
def test_no_row_is_lost_and_no_panel_has_more_than_six(count: int) -> None:
    names = ["ddim", *(f"sfddm[hidden_weight={k}]" for k in range(count))]
    (group,) = groups([made(name, 4, 0) for name in names])
    rows = curves(group, lambda record: record.distance)
    found = panels(rows)
    assert max(map(len, found)) <= MOST_LINES
    assert {row.name for panel in found for row in panel} == set(names)
    assert all("ddim" in [row.name for row in panel] for panel in found)
    assert sum(len(panel) - 1 for panel in found) == count
    assert (len(found) == 1) == (len(names) <= MOST_LINES)


def test_figures_are_titled_by_distance_dataset_and_resolution() -> None:
    (group,) = groups(sweep(("sfddm", "ddim"), (1, 4), (0, 1)))
    for draw in (quality_over_steps, quality_over_time, quality_over_training):
        figure = draw(group)
        assert figure is not None
        first = figure.get_suptitle().split("\n")[0]
        assert first.startswith("FID")
        assert "cifar10 32x32" in first


@pytest.mark.parametrize("most", [20, 60, 200])
def test_a_title_is_broken_between_its_clauses_and_loses_no_word(most: int) -> None:
    line = "scale paper; line: median of 3 seeds; floor: real data, half against half (band: least to most)"
    parts = broken(line, most)
    assert " ".join(parts) == line
    assert max(map(len, parts)) <= most
    if most > 60:
        assert parts == [line]
    if most == 60:
        assert parts == [line[:37], line[38:]]


def test_times_measured_on_a_machine_that_was_not_quiet_are_marked_as_in_tables() -> None:
    noise = {"latency": 1.5, "throughput": 1.0, "others": 0.0}
    (group,) = groups([made("ddim", 4, 0, sampling_cost__noise=noise), made("ddim", 8, 0)])
    figure = quality_over_time(group)
    assert figure is not None
    (mark,) = figure.axes[0].texts
    assert mark.get_text() == NOISE
    cost = group.records[0].sampling_cost
    assert cost is not None
    assert cost.latency is not None
    assert mark.xy == (cost.latency.median, group.records[0].distance)
    assert NOISE in title_of(figure)


def test_time_is_of_single_images_where_they_were_timed_and_of_batches_else() -> None:
    (group,) = groups(sweep(("ddim",), (1, 4), (0,)))
    figure = quality_over_time(group)
    assert figure is not None
    assert "one at a time" in figure.axes[0].get_xlabel()
    (group,) = groups([made("ddim", 4, 0, sampling_cost__latency=None)])
    figure = quality_over_time(group)
    assert figure is not None
    assert "batches" in figure.axes[0].get_xlabel()
    point = drawn_lines(figure)[0]["ddim"]
    cost = group.records[0].sampling_cost
    assert cost is not None
    rate = cost.images_per_second
    assert rate is not None
    assert list(point.get_xdata()) == [1 / rate]


def test_without_any_time_the_cost_of_an_image_is_its_network_evaluations() -> None:
    (group,) = groups([made("ddim", steps, 0, nfe=2 * steps, sampling_cost=None) for steps in (4, 8)])
    figure = quality_over_time(group)
    assert figure is not None
    assert figure.axes[0].get_xlabel() == "network evaluations per image"
    assert list(drawn_lines(figure)[0]["ddim"].get_xdata()) == [8, 16]
    assert NOISE not in title_of(figure)


def rings(axes: Axes) -> set[tuple[float, float]]:
    """Return the points of a panel that have a ring."""
    circles = [line for line in axes.get_lines() if line.get_markerfacecolor() == "none" and line.get_marker() == "o"]
    return {(float(x), float(y)) for circle in circles for x, y in circle.get_xydata()}  # type: ignore[union-attr]


def test_points_are_ringed_that_none_beats_in_the_time_of_an_image() -> None:
    cells = (("ddim", 1, 9.0, 1.0), ("ddim", 4, 5.0, 4.0), ("pd", 1, 6.0, 1.05), ("pd", 4, 7.0, 4.1))
    records = [made(m, steps, 0, d, sampling_cost__latency__median=t, sampling={"m": m}) for m, steps, d, t in cells]
    (group,) = groups(records)
    figure = quality_over_time(group)
    assert figure is not None
    assert rings(figure.axes[0]) == {(1.05, 6.0), (4.0, 5.0)}


def test_the_distance_over_budgets_has_a_panel_for_each_step_count_with_bands_rings_and_level_lines() -> None:
    (found,) = frontiers(groups(budgeted(("sfddm", "pd", "ddim", "dpm-solver"), (1, 4, 16))))
    figure = distance_over_budgets(found)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 step", "4 steps", "16 steps"]
    for axes, drawn, steps in zip(figure.axes, drawn_lines(figure), (1, 4, 16), strict=True):
        names = {"sfddm", "pd", "ddim", "dpm-solver", "teacher (ddim, 16 steps)", f"{REAL} (floor)"}
        assert set(drawn) == names
        points = found.rows["pd"][steps]
        assert list(drawn["pd"].get_xdata()) == list(BUDGETS)
        assert list(drawn["pd"].get_ydata()) == [point.middle for point in points]
        assert set(drawn["ddim"].get_ydata()) == {found.rows["ddim"][steps][0].middle}
        assert len(axes.collections) == 2  # a band for each student
        assert [label.get_text() for label in axes.get_xticklabels()] == ["120k", "500k", "2M"]
        led = {(p.budget, p.middle) for row in found.rows.values() for p in row[steps] if p.leads and p.budget}
        assert rings(axes) == led
    assert "students trained on 0.75 to 125 % of their teacher's images" in title_of(figure)


def test_more_than_six_students_over_budgets_become_panels_beside_each_other() -> None:
    methods = ("sfddm", "sfddm-reference", "sfddm-trajectory", "pd", "pd-reference", "scratch", "ddim")
    variant = "sfddm[hidden_weight=0.0]"
    (found,) = frontiers(groups(budgeted((*methods, variant), (1, 4), (0,))))
    figure = distance_over_budgets(found)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 step", "1 step", "4 steps", "4 steps"]
    shown = [set(lines) for lines in drawn_lines(figure)]
    assert all("ddim" in names for names in shown)
    assert set.union(*shown[:2]) >= {*methods, variant}
    assert all(len(names & {*methods, variant} - {"ddim"}) <= MOST_LINES for names in shown)


def test_training_cost_has_a_panel_for_each_step_count_bars_over_seeds_and_the_teacher_at_nought() -> None:
    steps = (1, 2, 3, 4, 8, 16, 32)
    (group,) = groups(sweep(("sfddm", "ddim"), steps, (0, 1)))
    figure = quality_over_training(group)
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == [plural(count, "step") for count in steps]
    first = drawn_lines(figure)[0]
    assert list(first["ddim"].get_xdata()) == [0.0]
    assert list(first["sfddm"].get_xdata()) == [2_000_000.0]
    seeds = [r.distance for r in group.cells if (r.method, r.steps) == ("sfddm", 1)]
    bars = [list(line.get_ydata()) for line in figure.axes[0].get_lines() if str(line.get_label()).startswith("_")]
    assert sorted(seeds) in bars  # type: ignore[type-var]
    (group,) = groups(sweep(("ddim",), (1, 4), (0,)))
    assert quality_over_training(group) is None
    (group,) = groups(budgeted(("sfddm",), (1,), (0,), (5_000,)))
    assert quality_over_training(group) is None  # all at one place


def test_methods_that_visit_the_same_timesteps_share_a_panel_that_names_them_all_and_no_row_is_left_out() -> None:
    steps = (1, 4, 64, 128, 1024)
    leading = made("sfddm-reference", 4, 0, timesteps=[0, 256, 512, 768])
    methods = ("sfddm", "pd", "ddim")
    (group,) = groups([*(made(method, step, 0) for method in methods for step in steps), leading])
    shared = subsequences(group)
    assert {names: [len(visited) for visited in lines] for names, lines in shared.items()} == {
        methods: list(steps),
        ("sfddm-reference",): [4],
    }
    figure = noise_schedule(group)
    assert figure is not None
    _, together, alone = figure.axes
    assert together.get_title(loc="left") == "sfddm, pd, ddim"
    assert [text.get_text() for text in together.get_yticklabels()] == [plural(step, "step") for step in steps]
    assert [list(line.get_xdata()) for line in together.get_lines()] == [list(v) for v in shared[methods]]
    assert list(alone.get_lines()[0].get_xdata()) == [0, 256, 512, 768]
    given = made(
        "ddim", 4, 0, config={"teacher": {"weights": "teacher.safetensors", "schedule": "sigmoid", "timesteps": 9}}
    )
    assert noise_schedule(groups([given])[0]) is None


@pytest.mark.parametrize("gpu", [True, False])
def test_memory_is_the_increase_above_idle_on_both_kinds_of_device(gpu: bool) -> None:
    own = {"gpu_peak_bytes": 300 * MIB, "weights_bytes": 100 * MIB} if gpu else {"gpu_peak_bytes": None}
    costs = {f"sampling_cost__{name}": value for name, value in own.items()}
    (group,) = groups([made("ddim", 4, 0, sampling_cost__rss_added_bytes=50 * MIB, **costs)])
    figure = memory(group)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith("increase above idle (MiB), GPU" if gpu else "increase above idle (MiB), resid")
    (line,) = axes.get_lines()
    assert list(line.get_xdata()) == [200.0 if gpu else 50.0]


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
    figure = sample_grid(group, Pictures([tmp_path], group.records))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["sfddm", "ddim"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1 step", "4 steps"]
    assert sample_grid(group, Pictures([], [])) is None


def sheet(value: int, size: int = 32) -> bytes:
    """Return the sheet of 64 images, image k of which is everywhere `value` + k."""
    return sheet_png(np.full((64, 3, size, size), value, np.uint8) + np.arange(64, dtype=np.uint8)[:, None, None, None])


def shades(picture: np.ndarray, rows: int, columns: int, size: int = 32) -> list[list[list[int]]]:
    """Return the shades of the four images in each place of a sample grid."""
    side = 2 * size + 1
    pitch, centres = side + max(2, side // 12), (size // 2, size + 1 + size // 2)
    corners = [[(pitch * y, pitch * x) for x in range(columns)] for y in range(rows)]
    return [
        [[int(picture[top + y, left + x, 0]) for y in centres for x in centres] for top, left in row] for row in corners
    ]


def test_above_the_samples_are_other_real_images_in_each_column_and_the_teachers_own_the_same_in_all(
    tmp_path: Path,
) -> None:
    records = sweep(("sfddm", "ddim"), (1, 4), (0,))
    beside = {"real-data.png": sheet(10), "full-length-0123abcd.png": sheet(100)}
    for record in records:
        write_record(tmp_path, record, {f"{record.name}.png": sheet(150), **beside} if record.steps else None)
    (group,) = groups(read_records(tmp_path))
    figure = sample_grid(group, Pictures([tmp_path], group.records))
    assert figure is not None
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == [REAL, "teacher, 1,024 steps", "sfddm", "ddim"]
    (shown,) = figure.axes[0].get_images()
    first = [0, 1, 2, 3]
    assert shades(np.asarray(shown.get_array()), 4, 2) == [
        [[10 + k for k in first], [14 + k for k in first]],
        *([[value + k for k in first]] * 2 for value in (100, 150, 150)),
    ]
    assert "the same 4 latents in every cell but the real data's" in title_of(figure)


def test_pictures_of_one_name_in_several_folders_are_told_apart_by_the_records_hashes(tmp_path: Path) -> None:
    records = [made("ddim", 4, seed) for seed in (0, 1)]
    for k, record in enumerate(records):
        write_record(tmp_path / str(k), record, {"real-data.png": sheet(k)})
    folders = [tmp_path / "0", tmp_path / "1"]
    read = [record for folder in folders for record in read_records(folder)]
    pictures = Pictures(folders, read)
    assert [pictures.of(record, "real-data.png") for record in read] == [
        next(folder.rglob("real-data.png")) for folder in folders
    ]


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


@pytest.mark.parametrize(("marker", "edge"), [("o", "white"), ("+", "#123456"), ("1", "#123456")])
def test_a_marker_that_is_nothing_but_its_edge_is_drawn_in_its_colour(marker: str, edge: str) -> None:
    axes = Figure().add_subplot()
    line(axes, Curve("a", "a", Look("#123456", marker), [1], [[1.0]]), [1], [1])
    assert axes.get_lines()[0].get_markeredgecolor() == edge


def test_methods_of_other_packages_in_one_plot_all_look_different() -> None:
    names = [f"plugged-{k}" for k in range(len(PLUGGED) ** 2)]
    few = looks((name, name) for name in names[: len(PLUGGED)]).values()
    assert len({own.colour for own in few}) == len({own.marker for own in few}) == len(PLUGGED)
    every = looks((name, name) for name in names).values()
    assert len({(own.colour, own.marker) for own in every}) == len(names)
    variants = [*names[:7], *(f"{name}[a={k}]" for name in names[:7] for k in range(5))]
    assert len(set(looks((name, name) for name in variants).values())) == len(variants)
    assert look("turbo") == looks([("turbo", "turbo"), ("ddim", "ddim")])["turbo"]
