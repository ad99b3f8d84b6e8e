"""Kill Bill: cases from killbill/killbill (invoice/usage/TestContiguousIntervalConsumableInArrear.java).

A tier there has blocks of a size and a most of blocks; here `up_to` is size x most, added up, and the block
is the tier's package. ALL_TIERS is `graduated`, TOP_TIER is `volume`.
"""

from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, tiers, usage

ONES = tiers((10, "1.5"), (110, 1), (None, "0.5"))
BLOCKS = tiers((1_000, 1, 0, 100), (None, 1, 0, 1_000))
THREE = tiers((1_000, 1, 0, 100), (101_000, 1, 0, 1_000), (None, "0.5", 0, 1_000))
HUNDREDS = tiers((None, 1, 0, 100))

USAGES: list[Case] = [
    (usage(111, model="graduated", tiers=ONES), "115.5"),  # testComputeBilledUsageSizeOneWith_ALL_TIERS
    (usage(111, model="volume", tiers=ONES), "55.5"),  # testComputeBilledUsageSizeOneWith_TOP_TIER
    (usage(5_325, model="graduated", tiers=BLOCKS), "15"),  # testComputeBilledUsageWith_ALL_TIERS
    (usage(1_000, model="volume", tiers=THREE), "10"),  # testComputeBilledUsageWith_TOP_TIER
    (usage(101_000, model="volume", tiers=THREE), "101"),
    (usage(101_001, model="volume", tiers=THREE), "51"),
    (usage(300_000, model="volume", tiers=THREE), "150"),
    (usage(401, model="graduated", tiers=HUNDREDS), "5"),  # testComputeMissingItems: 130 + 271
    (usage(199, model="graduated", tiers=HUNDREDS), "2"),
    (usage(1_000, model="package", package_size=1_000, unit_price="0.5"), "0.5"),  # testTobeBilledForUnit
    (usage(30_720, model="package", package_size=512, unit_price="0.3"), "18"),
    (usage(0, model="graduated", tiers=tiers((10, 1, 5), (None, 1))), "0"),
]


@pytest.mark.parametrize(("request_", "amount"), USAGES)
def test_consumable_usage_comes_to_what_kill_bill_says(request_: dict[str, Any], amount: str) -> None:
    """Blocks of a size in each tier, over all tiers or at the top one."""
    assert amount == comes_to(request_, "killbill")


def test_two_units_of_one_plan_add_up() -> None:
    """testTobeBilledForUnit: 1,000 minutes in blocks of 1,000 and 30,720 MB in blocks of 512 are 18.5."""
    request: dict[str, Any] = {
        "prices": {
            "minutes": {"meter": "minutes", "model": "package", "package_size": 1_000, "unit_price": "0.5"},
            "mbytes": {"meter": "mbytes", "model": "package", "package_size": 512, "unit_price": "0.3"},
        },
        "usage": {"minutes": 1_000, "mbytes": 30_720},
    }

    assert "18.5" == comes_to(request, "killbill")


def test_usage_that_was_billed_is_not_billed_again() -> None:
    """What a window has counted before brings its tier along: 401 units after 100 are four more blocks."""
    request = usage(301, model="graduated", tiers=HUNDREDS, window="life") | {"before": 100}

    assert "4" == comes_to(request, "killbill")
