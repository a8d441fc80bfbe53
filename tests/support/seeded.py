"""Draws that come from a seed, for a run that can be repeated."""

import itertools
import random
import uuid
from contextlib import ExitStack
from unittest import mock


def seeded(seed: int) -> ExitStack:
    """Let every draw of the product's and the simulator's come from a seed, until the stack is closed.

    Keys and signatures still differ from run to run; nothing hangs on them.
    """
    stack, draws, starts = ExitStack(), random.Random(seed), itertools.count(0, 100_000)

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=draws.getrandbits(128), version=4)

    stack.enter_context(mock.patch("uuid.uuid4", uuid4))
    stack.enter_context(mock.patch("secrets.randbelow", side_effect=starts))
    stack.enter_context(mock.patch("sectigo_vault_pki.scm.client.SystemRandom", return_value=draws))
    stack.enter_context(mock.patch("sectigo_vault_pki.scm.breaker.SystemRandom", return_value=draws))
    return stack
