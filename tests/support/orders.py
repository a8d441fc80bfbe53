"""Enrolments of both certificate types, with keys that are made quickly."""

from collections.abc import Callable, Mapping

from tests.support.mount import ORDER


def ssl_order(host: str = "web") -> Mapping[str, object]:
    """Return the fields of an SSL enrolment."""
    return {**ORDER, "sectigo_csr_domain": f"{host}.example.test"}


def client_order(person: str = "ada") -> Mapping[str, object]:
    """Return the fields of a client enrolment."""
    return {
        "sectigo_csr_domain": f"{person} Lovelace",
        "sectigo_csr_key_algo": "EC",
        "sectigo_client_cert_type": 601,
        "sectigo_client_cert_validity": 365,
        "sectigo_client_cert_email": f"{person}@example.test",
        "sectigo_client_cert_first_name": person,
        "sectigo_client_cert_last_name": "Lovelace",
    }


ORDERS: Mapping[str, Callable[..., Mapping[str, object]]] = {"ssl_cert": ssl_order, "client_cert": client_order}
