"""Whatever is sent: an answer or a refusal, never a fault of ours, and never the value itself in what is said."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sectigo_vault_pki.paths import enroll, export, renew, replace
from sectigo_vault_pki.paths.fields import (
    client_fields,
    common_fields,
    config_fields,
    key_fields,
    pki_fields,
    role_fields,
    ssl_fields,
    tidy_fields,
    waiting_fields,
)
from sectigo_vault_pki.paths.pki import issue
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    NotFoundError,
    Operation,
    Request,
    Response,
    UnsupportedOperationError,
    UnsupportedPathError,
)
from tests.support.fuzzing import examples
from tests.support.issuing import NAME, ROLE, written
from tests.support.mount import CLIENT_ORDER, CONFIG, ORDER, Mount
from tests.support.virtual_time import LoopClock, VirtualTimeLoop

pytestmark = pytest.mark.long

EXAMPLES = examples(150)
CANARY = "canary-5f1c"
MEBIBYTE = 1024 * 1024
REFUSALS = (BadRequestError, NotFoundError, UnsupportedOperationError, UnsupportedPathError)

texts = st.one_of(
    st.text(st.characters(), max_size=80),
    st.text(st.sampled_from("0123456789dhms-,.@ \\n\n-BEGINCERTIFICATE\x00\x1b"), max_size=60),
    st.integers(0, 20).map(lambda power: "A" * min(2**power, MEBIBYTE)),
).flatmap(lambda text: st.sampled_from([text, text + CANARY]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)

ENROLMENT = [*key_fields.FIELDS, *waiting_fields.FIELDS, *ssl_fields.FIELDS, *client_fields.FIELDS, enroll.REQUEST_ID]
PROTECTION = (key_fields.PASSWORD, key_fields.ENCRYPTION)
FIELDS: Mapping[str, list[str]] = {
    "configs/new": [field.name for field in config_fields.FIELDS],
    "enroll/web": [field.name for field in ENROLMENT],
    "enroll/people": [field.name for field in ENROLMENT],
    "revoke/web/ID": [common_fields.REASON.name],
    "replace/web/ID": [
        field.name for field in (*ENROLMENT[:-1], common_fields.REASON, replace.COMMON_NAME, replace.REVOKED_ON_REPLACE)
    ],
    "renew/web/ID": [field.name for field in (*ENROLMENT[:-1], renew.RENEW_NEW_KEY)],
    "fetch/web/1": [field.name for field in ENROLMENT],
    "export/web/ID": [field.name for field in (export.FORMAT, export.VERSION, *PROTECTION)],
    "certs/web/ID": [field.name for field in ENROLMENT],
    "roles/new": [column.field.name for column in role_fields.TABLE.values()],
    "issue/shop": [field.name for field in (*issue.COMMON, pki_fields.FORMAT_OF_ISSUE, *PROTECTION)],
    "sign/shop": [field.name for field in (*issue.COMMON, pki_fields.FORMAT, pki_fields.CSR)],
    "tidy": [field.name for field in tidy_fields.OF_TIDY],
    "config/auto-tidy": [field.name for field in tidy_fields.OF_AUTO_TIDY],
    "revoke": [pki_fields.SERIAL_NUMBER.name, pki_fields.CERTIFICATE.name, pki_fields.REASON.name],
}
BASES: Mapping[str, Mapping[str, object]] = {
    "configs/new": CONFIG,
    "enroll/web": ORDER,
    "enroll/people": CLIENT_ORDER,
    "replace/web/ID": {"sectigo_reason": "new key"},
    "export/web/ID": {"format": "pkcs12", "password": "correct horse battery"},
    "roles/new": ROLE,
    "issue/shop": NAME,
}
NAMED = re.compile(
    r"(common name|subject alternate name|email address) \S+ not allowed by this role"
    r'|no config entry named "\S+" yet'
)
"""What a role forbids is named, as Vault's pki does, once it has proved to be a name; so is what a role lacks."""


@dataclass
class Sent:
    """One mount that lives through a whole test, and the way to ask it."""

    runner: asyncio.Runner
    mount: Mount
    unique_id: str

    def outcome(self, operation: Operation, path: str, data: Mapping[str, object]) -> str:
        """Return the text that a user would see besides data: refusal or warnings."""
        return self.runner.run(self._outcome(operation, path.replace("ID", self.unique_id), data))

    async def _outcome(self, operation: Operation, path: str, data: Mapping[str, object]) -> str:
        try:
            if operation is Operation.UPDATE:
                response = await self.mount.write(path, {"sectigo_max_timeout": 0, **data})
            else:
                response = await self.mount.backend.handle_request(
                    Request(operation, path, self.mount.storage, {"sectigo_auto_renew": "0", **data})
                )
        except REFUSALS as refusal:
            return str(refusal)
        except LogicalError as error:
            return f"FAULT {error}"
        return " ".join(response.warnings) if isinstance(response, Response) else ""


@pytest.fixture
def sent() -> Iterator[Sent]:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def prepared() -> tuple[Mount, str]:
            clock = LoopClock()
            mount = Mount(Simulator(now=clock.now), clock)
            mount.simulator.settings.pending_polls = 0
            await mount.configure()
            await mount.configure_client()
            await written(mount, "shop", key_type="ec")
            return mount, str((await mount.enroll())["cert_unique_id"])

        mount, unique_id = runner.run(prepared())
        yield Sent(runner, mount, unique_id)
        runner.run(mount.backend.cleanup())


thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.too_slow],
)


@pytest.mark.parametrize("path", [path for path in FIELDS if path != "certs/web/ID"])
@thorough
@given(data=st.data())
def test_no_write_is_a_fault_or_shows_its_values(sent: Sent, path: str, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(FIELDS[path]), values, min_size=1, max_size=4))
    seen = sent.outcome(Operation.UPDATE, path, {**BASES.get(path, {}), **changes})
    assert not seen.startswith("FAULT")
    assert CANARY not in NAMED.sub("", seen)


@pytest.mark.parametrize("operation", [Operation.READ, Operation.DELETE])
@thorough
@given(changes=st.dictionaries(st.sampled_from(FIELDS["certs/web/ID"]), values, min_size=1, max_size=4))
def test_no_query_is_a_fault_or_shows_its_values(sent: Sent, operation: Operation, changes: dict[str, object]) -> None:
    path = "certs/web/ID" if operation is Operation.READ else "certs/web/1_demo-customer"
    seen = sent.outcome(operation, path, changes)
    assert not seen.startswith("FAULT")
    assert CANARY not in seen


PREFIXES = [
    "",
    "configs/",
    "enroll/",
    "certs/",
    "certs/web/",
    "revoke/web/",
    "replace/web/",
    "renew/web/",
    "fetch/web/",
    "export/web/",
    "roles/",
    "issue/",
    "sign/",
    "cert/",
]


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.READ, Operation.DELETE, Operation.LIST])
@thorough
@given(path=texts, prefix=st.sampled_from(PREFIXES))
def test_no_path_is_a_fault_or_is_shown_unless_it_is_a_plain_name(
    sent: Sent, operation: Operation, path: str, prefix: str
) -> None:
    seen = sent.outcome(operation, prefix + path, {"sectigo_reason": "x"} if operation is Operation.UPDATE else {})
    assert not seen.startswith("FAULT")
    assert all(line.isprintable() for line in seen.split("\n"))
    assert len(seen) < MEBIBYTE // 1024
