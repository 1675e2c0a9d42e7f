"""Precision and recall against torch-fidelity's, and their convention with a mode-dropped set."""

import pytest
import torch
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.metrics import precision_recall as module
from bench.metrics.precision_recall import precision_recall

GENERATOR = torch.Generator().manual_seed(0)


def test_values_are_torch_fidelitys() -> None:
    x, y = torch.randn(200, 6, generator=GENERATOR) + 0.7, torch.randn(150, 6, generator=GENERATOR)
    assert precision_recall(x, y) == pytest.approx(calculate_precision_recall_full(x, y), abs=1e-7)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.randn(100, 4, generator=GENERATOR) + 0.5, torch.randn(90, 4, generator=GENERATOR)
    whole = precision_recall(x, y)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert precision_recall(x, y) == whole


def test_a_dropped_mode_costs_recall_and_an_invented_one_costs_precision() -> None:
    one, other = torch.randn(200, 3, generator=GENERATOR), torch.randn(200, 3, generator=GENERATOR) + 100
    both = torch.cat([one, other])
    assert precision_recall(one.clone(), both) == (1.0, 0.5)
    assert precision_recall(both, one.clone()) == (0.5, 1.0)
