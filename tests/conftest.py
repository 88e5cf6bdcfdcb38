"""Fixtures and settings that all tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from edgeofcare.engine.plan import Plan
from edgeofcare.inputs.schema import Scenario
from helpers import pan_london, plan_of, small

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")


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
