"""What an order that is not issued yet waits for: SCM's instructions for the validation of its domains."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import Instruction, instructions_of_order
from sectigo_vault_pki.store import CertificateType, StorageError

_log = logging.getLogger(__name__)

PATIENCE = 1.5
"""Seconds that SCM has: the caller has waited already, and what is left of the host's deadline is 2 s."""


async def with_instructions(resources: Resources, config_name: str, answer: Answer) -> Answer:
    """Return the answer with SCM's instructions, if SCM has just said that its order is not issued yet.

    One call, and none for client certificates. If it fails, the answer has a warning: an error would make clients order
    again.
    """
    scm_id = answer.in_work
    if scm_id is None:
        return answer
    answer = replace(answer, in_work=None)
    task = resources.tasks.join(
        ("dcv", config_name, scm_id),
        lambda: _instructions(resources, config_name, scm_id),
        name=f"dcv {config_name}/{scm_id}",
    )
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    if not done or task.cancelled():
        return answer.with_warnings(answers.no_instructions("it has not answered yet"))
    match task.exception():
        case None:
            return replace(answer, instructions=tuple(task.result()))
        case SectigoVaultPkiError() | StorageError() as error:
            return answer.with_warnings(answers.no_instructions(str(error)))
        case error:
            _log.error("an order's validation could not be asked for", extra={"kv": {"scm_id": scm_id}}, exc_info=error)
            return answer


async def _instructions(resources: Resources, config_name: str, scm_id: int) -> Sequence[Instruction]:
    config = await resources.repository.config(config_name)
    if config is None or config.certificate_type is not CertificateType.SSL:
        return ()
    async with resources.clients.lend(Entry(config_name, config)) as client:
        return await instructions_of_order(client, scm_id)
