"""Composes `slack`."""

from datetime import timedelta
from functools import cache
from typing import Final

from respot.adapters.cached_text import CachedText
from respot.adapters.secrets import read_secret
from respot.adapters.slack import SlackWebhook
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.redelivery import redelivery
from respot.settings import LEDGER_TABLE, SLACK_SECRET
from respot.slack_relay import SlackRelay

LONGEST_DELAY: Final = timedelta(hours=1)
"""Between two attempts to post the same message."""

SECRET_KEPT_FOR: Final = timedelta(minutes=5)


@cache
def slack_relay() -> SlackRelay:
    """What `slack` hands its deliveries to."""
    name = required(settings().slack_secret, SLACK_SECRET)
    secret = CachedText(lambda: read_secret(client("secretsmanager"), name), kept_for=SECRET_KEPT_FOR, clock=now)
    return SlackRelay(
        chat=SlackWebhook(secret.read, secret.forget),
        redelivery=redelivery(longest=LONGEST_DELAY),
        drills=_DrillPosts(),
    )


class _DrillPosts:
    """The port `DrillPosts`; few messages are a drill's: no cold start pays for a DynamoDB client."""

    def note(self, drill: str, refusal: str | None) -> None:
        """See `DrillPosts.note`."""
        from respot.adapters.drill_posts import DynamoDbDrillPosts  # noqa: PLC0415 - as the class says

        table = required(settings().ledger_table, LEDGER_TABLE)
        DynamoDbDrillPosts(client("dynamodb"), table, clock=now).note(drill, refusal)
