"""Records to begin a test with."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    ConfigRecord,
    CurrentCertificate,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    SslFields,
    UniqueId,
)
from tests.support.virtual_time import START

UUID = "0b5e6d1c-3f44-4f0c-9a55-0d2c5d1e7a10"
REQUESTED = RequestedFields(ssl=SslFields(certificate_profile=501, validity_days=365))


def config_record(**changes: Any) -> ConfigRecord:
    """Return a config entry."""
    values: dict[str, Any] = {
        "login": "demo-user",
        "password": SecretStr("hunter2"),
        "customer_uri": "demo-customer",
        "certificate_type": CertificateType.SSL,
        "org_id": 7001,
        "base_url": "https://scm.example.test",
    }
    return ConfigRecord(**(values | changes))


def order_record(**changes: Any) -> OrderRecord:
    """Return a write-ahead entry."""
    values: dict[str, Any] = {
        "uuid": UUID,
        "operation": OrderOperation.ENROLL,
        "certificate_type": CertificateType.SSL,
        "common_name": "web.example.test",
        "csr": "csr",
        "private_key": SecretStr("key"),
        "requested": REQUESTED,
        "created_at": START,
    }
    return OrderRecord(**(values | changes))


def certificate_record(**changes: Any) -> CertificateRecord:
    """Return the record of a certificate that SCM accepted and that was not collected."""
    in_flight = OrderInFlight(
        uuid=UUID, operation=OrderOperation.ENROLL, csr="csr", private_key=SecretStr("key"), accepted_at=START
    )
    values: dict[str, Any] = {
        "unique_id": UniqueId("55_demo-customer"),
        "certificate_type": CertificateType.SSL,
        "scm_id": 55,
        "common_name": "web.example.test",
        "key_type": "ec",
        "requested": REQUESTED,
        "order": in_flight,
    }
    return CertificateRecord(**(values | changes))


def current_certificate() -> CurrentCertificate:
    """Return a certificate in hand."""
    return CurrentCertificate(
        bundle="leaf",
        csr="csr",
        private_key=SecretStr("key"),
        serial_number="01",
        not_before=START,
        not_after=START + timedelta(days=90),
        collected_at=START,
    )
