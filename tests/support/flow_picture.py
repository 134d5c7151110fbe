"""The picture of how an event becomes an alert, and an ended job the next attempt."""

from typing import Final

from tests.support.svg import arrow, document, rectangle, text

WIDTH: Final = 640
HEIGHT: Final = 822
_COLUMNS: Final = (30, 234, 438)
_BOX: Final = 184
_HEIGHT: Final = 70
_PITCH: Final = 130
_TOP: Final = 20
_LABEL: Final = (
    "SageMaker sends events through EventBridge and a queue to record, which asks SageMaker and writes the ledger. "
    "A sweep lists the jobs and sends record what events missed. The ledger's stream feeds alert, which publishes "
    "to SNS for people, machines and Slack, and enqueue_ended, which feeds recover through a queue. "
    "Recover creates the next attempt in SageMaker."
)


def picture() -> str:
    """The picture, as SVG."""
    boxes = [
        *_box(0, 0, "SageMaker", "training jobs"),
        *_box(1, 0, "EventBridge", "from all regions"),
        *_box(2, 0, "observations", "SQS queue", kind="store"),
        *_box(1, 1, "sweep", "finds lost events", kind="function"),
        *_box(2, 1, "record", "merges history", kind="function"),
        *_box(1, 2, "ledger", "DynamoDB: history, alerts, decisions", kind="store", columns=2),
        *_box(1, 3, "alert", "decides, publishes", kind="function"),
        *_box(2, 3, "enqueue_ended", "forwards ends", kind="function"),
        *_box(1, 4, "SNS topic", "text and JSON"),
        *_box(2, 4, "recovery", "queue with delays", kind="store"),
        *_box(0, 5, "subscribers", "e-mail, machines"),
        *_box(1, 5, "slack", "behind a queue", kind="function"),
        *_box(2, 5, "recover", "decides, creates", kind="function"),
    ]
    first, second, third = (x + _BOX // 2 for x in _COLUMNS)
    lines = [
        arrow(f"M{_COLUMNS[0] + _BOX} {_middle(0)}H{_COLUMNS[1]}"),
        arrow(f"M{_COLUMNS[1] + _BOX} {_middle(0)}H{_COLUMNS[2]}"),
        arrow(f"M{third + 30} {_bottom(0)}V{_top(1)}"),
        # the sweep lists, and sends what is missing
        arrow(f"M{_COLUMNS[1]} {_middle(1)}H{first + 40}V{_bottom(0)}"),
        text(first + 50, _middle(1) - 24, "lists", classes="small", size=18),
        arrow(f"M{second + 60} {_top(1)}V{_top(1) - 30}H{third - 40}V{_bottom(0)}"),
        text(second + 52, _top(1) - 12, "what is missing", classes="small end", size=18),
        # record asks SageMaker
        arrow(f"M{third - 40} {_bottom(1)}V{_bottom(1) + 30}H{first - 40}V{_bottom(0)}", dashed=True),
        text(_COLUMNS[0] + 58, _bottom(1) + 22, "describes", classes="small", size=18),
        arrow(f"M{third + 30} {_bottom(1)}V{_top(2)}"),
        # the stream
        arrow(f"M{second} {_bottom(2)}V{_top(3)}"),
        arrow(f"M{third} {_bottom(2)}V{_top(3)}"),
        text((second + third) / 2, _bottom(2) + 37, "stream", classes="small middle", size=18),
        arrow(f"M{second} {_bottom(3)}V{_top(4)}"),
        arrow(f"M{third} {_bottom(3)}V{_top(4)}"),
        arrow(f"M{second} {_bottom(4)}V{_top(5)}"),
        arrow(f"M{_COLUMNS[1]} {_middle(4)}H{first}V{_top(5)}"),
        arrow(f"M{third} {_bottom(4)}V{_top(5)}"),
        # the next attempt
        arrow(f"M{third} {_bottom(5)}V{_bottom(5) + 36}H14V{_middle(0)}H{_COLUMNS[0]}"),
        text(_COLUMNS[0], _bottom(5) + 28, "creates the next attempt", classes="small", size=18),
    ]
    return document(WIDTH, HEIGHT, [*boxes, *lines], label=_LABEL, font_size=20)


def _box(column: int, row: int, title: str, subtitle: str, *, kind: str = "box", columns: int = 1) -> list[str]:
    x, width = _COLUMNS[column], _COLUMNS[column + columns - 1] + _BOX - _COLUMNS[column]
    return [
        rectangle(x, _top(row), width, _HEIGHT, classes=kind),
        text(x + width / 2, _top(row) + 31, title, classes="title middle", size=20 if len(title) <= 12 else 19),
        text(x + width / 2, _top(row) + 56, subtitle, classes="small middle", size=18),
    ]


def _top(row: int) -> int:
    return _TOP + row * _PITCH


def _middle(row: int) -> int:
    return _top(row) + _HEIGHT // 2


def _bottom(row: int) -> int:
    return _top(row) + _HEIGHT
