"""A thousand certificates for two years: nothing is bought that nobody needs, and nothing expires that need not.

`make model` runs it with 1 000 certificates; SEED and CERTIFICATES choose others.
"""

import os
import sys

import pytest

from tests.support.end_of_lives import check_what_is_stored
from tests.support.many_lives import World

SEED = int(os.environ.get("SEED", "20261128"))
CERTIFICATES = int(os.environ.get("CERTIFICATES", "100"))


@pytest.mark.long
async def test_two_years_of_many_lives_cost_no_more_than_they_have_to_and_lose_nothing() -> None:
    async with World(SEED, CERTIFICATES) as world:
        await world.run()
        await check_what_is_stored(world)
    figures = ", ".join(f"{number} {what}" for what, number in sorted(world.figures.items()))
    sys.stdout.write(f"seed {SEED}: {figures}\n")
    assert world.figures["renewals"] > 2 * CERTIFICATES
