from pathlib import Path

import pytest

from infra.config import Config
from tests.infra.synthesis import Synthesized, synthesize


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """Everything configured: Slack, e-mail, weekly digests, expiry, other figures than the defaults."""
    return synthesize(
        tmp_path_factory.mktemp("full"),
        Config.from_context(
            {
                "respot": {
                    "alert_emails": ["ml@example.com", "oncall@example.com"],
                    "alert_kinds": ["interrupted", "failed"],
                    "alert_max_age_hours": 48,
                    "digest_seconds": 120,
                    "weekly_digest": True,
                    "slack_webhook_secret": "respot/slack-webhook",
                    "slack_retry_seconds": 7,
                    "slack_max_receives": 3,
                    "record_concurrency": 5,
                    "observation_retry_seconds": 6,
                    "observation_max_receives": 4,
                    "sweep_minutes": 7,
                    "event_grace_seconds": 90,
                    "backfill_days": 90,
                    "training_roles": ["SageMaker*", "service-role/TrainOnly"],
                    "training_instance_types": ["ml.g5.*", "ml.p4d.24xlarge"],
                    "stop_only_tagged": True,
                    "checkpoint_buckets": ["ml-*", "models"],
                    "reader_policy": True,
                    "recovery_max_receives": 9,
                    "ledger_retention_days": 400,
                    "log_retention_days": 545,
                    "log_level": "DEBUG",
                    "removal_policy": "destroy",
                }
            }
        ),
    )


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The defaults."""
    return synthesize(tmp_path_factory.mktemp("plain"), Config())


@pytest.fixture(params=["full", "plain"])
def either(request: pytest.FixtureRequest) -> Synthesized:
    """Any configuration."""
    template: Synthesized = request.getfixturevalue(request.param)
    return template


@pytest.fixture
def root() -> Path:
    return Path(__file__).parents[2]
