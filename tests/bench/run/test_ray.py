"""What the Ray executor makes of a Ray that does not start, and what it leaves in the environment. No cluster."""

import os

import pytest
import ray

from bench.run.ray import cluster
from sfddm.errors import InputError, WorkFailed


class AuthenticationError(ray.exceptions.RayError):
    """As newer versions of Ray raise it."""


FAULTS = [
    AuthenticationError("the token\nis wrong"),
    ray.exceptions.RayError("no more"),
    RuntimeError("no raylet"),
    Exception("the GCS did not start"),
    OSError("no space for the session"),
    TimeoutError(),
]


@pytest.fixture(autouse=True)
def ray_that_only_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize(("address", "given"), [(None, "--executor: 'ray'"), ("10.0.0.1:6379", "--address: '10.0.0.1")])
def test_a_ray_that_does_not_start_is_one_line(
    address: str | None, given: str, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(*_: object, **__: object) -> None:
        os.environ["RAY_AUTH_MODE"] = "token"
        raise fault

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(InputError, match=type(fault).__name__) as caught, cluster(address):
        pass
    assert str(caught.value).startswith(given)
    assert "\n" not in str(caught.value)
    assert "RAY_AUTH_MODE" not in os.environ


def test_a_cluster_that_is_lost_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", lambda *_, **__: None)
    with pytest.raises(WorkFailed, match="the Ray cluster is lost: RayError: gone"), cluster(None):
        raise ray.exceptions.RayError("gone")


@pytest.mark.parametrize("before", [None, "disabled"])
def test_rays_variables_are_put_back(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", before)
    monkeypatch.setattr(ray, "init", lambda *_, **__: os.environ.update(RAY_AUTH_MODE="token", RAY_OWN="1"))
    own = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    with cluster(None):
        assert os.environ["RAY_AUTH_MODE"] == "token"
    assert {name: value for name, value in os.environ.items() if name.startswith("RAY_")} == own
