"""Fixtures and settings that all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from helpers import pan_london, plan_of, small

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Logs of defects that tests provoke stay out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def pan_london_scenario() -> Scenario:
    return pan_london()


@pytest.fixture(scope="session")
def small_scenario() -> Scenario:
    """Two boroughs that share one team, a year of referrals, hazards given directly: about 60 children."""
    return small()


@pytest.fixture(scope="session")
def small_plan(small_scenario: Scenario) -> Plan:
    return plan_of(small_scenario)
