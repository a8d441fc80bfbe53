"""Where each record lies below the mount's storage. No key ever holds a secret: operators see keys."""

from datetime import date
from typing import NewType

UniqueId = NewType("UniqueId", str)
"""`<ssl_id>_<customer_uri>` or `<order_number>_<customer_uri>`: the certificate's name under its config entry."""

CONFIGS = "config/"
ORDERS = "order/"
CERTIFICATES = "cert/"
PENDING = "index/pending/"
EXPIRY = "index/expiry/"
WANTED = "index/wanted/"
RENEWAL = "index/renewal/"
SERIALS = "index/serial/"
AGENDA = "index/agenda-2"
"""Says that every certificate stored has its entries below the five prefixes above."""
ROLES = "role/"

SEAL_WRAPPED = (CONFIGS, ORDERS, CERTIFICATES)
"""Prefixes whose entries hold secrets."""


def config_key(config_name: str) -> str:
    return f"{CONFIGS}{config_name}"


def config_identity_key(config_name: str) -> str:
    """Where the fixed part of a deleted config entry is kept while certificates stand under its name."""
    return f"index/config/{config_name}"


def orders_prefix(config_name: str) -> str:
    return f"{ORDERS}{config_name}/"


def order_key(config_name: str, order_uuid: str) -> str:
    return f"{orders_prefix(config_name)}{order_uuid}"


def certificates_prefix(config_name: str) -> str:
    return f"{CERTIFICATES}{config_name}/"


def certificate_key(config_name: str, unique_id: UniqueId) -> str:
    return f"{certificates_prefix(config_name)}{unique_id}"


def order_index_key(config_name: str, order_uuid: str) -> str:
    """Where a settled order's certificate is named, so that `order-<uuid>` stays readable."""
    return f"index/order/{config_name}/{order_uuid}"


def request_index_key(config_name: str, request_id_digest: str) -> str:
    """Where the order of a `sectigo_request_id` is named; the id itself is the user's text, so only its digest."""
    return f"index/request/{config_name}/{request_id_digest}"


def pending_key(config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is named while something is open at SCM."""
    return f"{PENDING}{config_name}/{unique_id}"


def expiry_key(not_after: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is named that its config entry's expiry window renews."""
    return f"{EXPIRY}{not_after.isoformat()}/{config_name}/{unique_id}"


def wanted_key(not_after: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is named that its config entry's window renews, whether the entry renews others or not."""
    return f"{WANTED}{not_after.isoformat()}/{config_name}/{unique_id}"


def renewal_key(due: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is named that its own expiry window renews."""
    return f"{RENEWAL}{due.isoformat()}/{config_name}/{unique_id}"


def serial_prefix(serial_number: str) -> str:
    """Where the certificates with a serial number are named.

    Args:
        serial_number: colon hex.
    """
    return f"{SERIALS}{serial_number.replace(':', '-')}/"


def serial_key(serial_number: str, config_name: str, unique_id: UniqueId) -> str:
    return f"{serial_prefix(serial_number)}{config_name}/{unique_id}"


def role_key(role_name: str) -> str:
    return f"{ROLES}{role_name}"


def order_counts_key(config_name: str) -> str:
    """Where the orders that a config entry placed lately are counted."""
    return f"index/orders/{config_name}"


LOGINS = "index/login/"


def login_pause_key(config_name: str) -> str:
    """Where it stands that SCM refused a config entry's login."""
    return f"{LOGINS}{config_name}"


MOUNT = "index/mount"
"""Written at a mount's first start; storage without it is not the mount's own any more."""


def role_use_key(role_name: str) -> str:
    return f"index/role/{role_name}"
