from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from respot_cli.errors import CommandError, ExitCode
from respot_cli.prices.price_file import FilePrices, read_price_file

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CSV = "region,instance_type,per_hour,currency\nus-east-1,ml.g5.2xlarge,1.40,USD\neu-west-1,ml.g5.2xlarge,1.55,EUR\n"
JSON = """[{"region": "us-east-1", "instance_type": "ml.g5.2xlarge", "per_hour": 1.40, "currency": "USD"},
{"region": "eu-west-1", "instance_type": "ml.g5.2xlarge", "per_hour": "1.55", "currency": "EUR"}]"""


def read(text: str, folder: Path) -> FilePrices:
    file = folder / "prices"
    file.write_text(text)
    return read_price_file(str(file))


@pytest.mark.parametrize("text", [CSV, f"\ufeff{CSV}", CSV.replace(",", ", "), CSV.replace("\n", "\r\n"), JSON])
def test_csv_and_json_say_the_same(text: str, tmp_path: Path) -> None:
    prices = read(text, tmp_path)
    found = [prices.on_demand(region, "ml.g5.2xlarge", NOW) for region in ("us-east-1", "eu-west-1")]
    assert [(each.amount, each.currency) for each in found if each] == [
        (Decimal("1.40"), "USD"),
        (Decimal("1.55"), "EUR"),
    ]
    assert prices.source.startswith("on-demand prices of ")


def test_what_the_file_lacks_has_no_price_and_is_named(tmp_path: Path) -> None:
    prices = read(CSV, tmp_path)
    assert prices.on_demand("us-west-2", "ml.g5.2xlarge", NOW) is None
    (why,) = prices.why_unknown
    assert why.endswith("has no price of ml.g5.2xlarge in us-west-2")
    assert prices.source == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 has no column region"),
        ("region,instance_type,per_hour\n", "no column currency"),
        pytest.param(f"{'x' * 200_000}\n{CSV}", "line 1 cannot be read as CSV", id="no end of a header"),
        pytest.param(CSV.replace("EUR", "E" * 200_000), "line 3 cannot be read as CSV", id="no end of a cell"),
        (CSV.replace("1.55", "free"), "line 3: 'free' is no price"),
        (CSV.replace("1.55", "0"), "line 3: '0' is no price above zero"),
        (CSV.replace("1.55", "NaN"), "line 3: 'NaN' is no price above zero"),
        (CSV.replace("EUR", "€"), "line 3: '€' is no currency code"),
        (CSV.replace("eu-west-1,", ","), "line 3 has no region"),
        (f"{CSV}us-east-1,ml.g5.2xlarge,2,USD\n", "line 4: ml.g5.2xlarge in us-east-1 has another price above"),
        ("[", "cannot be read as JSON"),
        ("{}", "is no JSON list"),
        ("[1]", "price 1 has no region"),
        (JSON.replace("1.40", "NaN"), "price 1 has no per_hour"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        read(text, tmp_path)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        read_price_file(str(tmp_path / "missing.csv"))
