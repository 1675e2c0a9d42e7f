"""What the Ray executor makes of a Ray that does not start, and what it leaves in the environment. No cluster."""

import os
import socket

import pytest
import ray

from bench.run import ray as executor
from bench.run.ray import Head, cluster
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


def test_a_head_that_is_silent_for_too_long_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(executor.time, "monotonic", lambda: clock[0])
    listening = socket.create_server(("127.0.0.1", 0))
    head = Head("{}:{}".format(*listening.getsockname()))
    clock[0] += 1000  # a long stage: the head answered all the time
    head.check()
    listening.close()
    clock[0] += executor.HEAD_SECONDS - 1
    head.check()  # it may be starting again
    clock[0] += 2
    with pytest.raises(WorkFailed, match=r"the head of the Ray cluster, 127\.0\.0\.1:\d+, does not answer") as caught:
        head.check()
    assert "\n" not in str(caught.value)


def test_a_head_that_was_never_in_reach_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    address = "{}:{}".format(*closed.getsockname())
    closed.close()
    head = Head(address)
    monkeypatch.setattr(executor, "HEAD_SECONDS", -1.0)
    head.check()
