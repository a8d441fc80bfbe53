"""Where each record lies below the mount's storage. No key contains a secret: operators see keys."""

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
ENDS = "index/ends/"
SUMMARIES = "index/summary/"
SERIALS = "index/serial/"
REVOKED = "index/revoked/"
INDEX_COMPLETE = "index/complete-4"
"""Present once every stored certificate has its entries below the prefixes above, and its summary."""
ROLES = "role/"
ROLE_DEFAULTS = "role-defaults"

SEAL_WRAPPED = (CONFIGS, ORDERS, CERTIFICATES)
"""Prefixes of entries with secrets."""


def config_key(config_name: str) -> str:
    return f"{CONFIGS}{config_name}"


def config_identity_key(config_name: str) -> str:
    """Where the fixed part of a deleted config entry is kept while certificates are stored under its name."""
    return f"index/config/{config_name}"


def orders_prefix(config_name: str) -> str:
    return f"{ORDERS}{config_name}/"


def order_key(config_name: str, order_uuid: str) -> str:
    return f"{orders_prefix(config_name)}{order_uuid}"


def certificates_prefix(config_name: str) -> str:
    return f"{CERTIFICATES}{config_name}/"


def certificate_key(config_name: str, unique_id: UniqueId) -> str:
    return f"{certificates_prefix(config_name)}{unique_id}"


ORDER_INDEX = "index/order/"
REQUEST_INDEX = "index/request/"


def order_index_key(config_name: str, order_uuid: str) -> str:
    """Where the certificate of a settled order is named, so that `order-<uuid>` stays readable."""
    return f"{ORDER_INDEX}{config_name}/{order_uuid}"


def request_index_key(config_name: str, request_id_digest: str) -> str:
    """Where the order of a `sectigo_request_id` is named; the id itself is the user's text, so only its digest."""
    return f"{REQUEST_INDEX}{config_name}/{request_id_digest}"


def pending_key(config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is listed while an order is in progress at SCM."""
    return f"{PENDING}{config_name}/{unique_id}"


def expiry_key(not_after: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is listed that is renewed by its config entry's expiry window."""
    return f"{EXPIRY}{not_after.isoformat()}/{config_name}/{unique_id}"


def wanted_key(not_after: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is listed that is renewed by its entry's window even if the entry renews no others."""
    return f"{WANTED}{not_after.isoformat()}/{config_name}/{unique_id}"


def ends_key(not_after: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate in use is listed by its end that is listed neither by `expiry_key` nor by `wanted_key`."""
    return f"{ENDS}{not_after.isoformat()}/{config_name}/{unique_id}"


def renewal_key(due: date, config_name: str, unique_id: UniqueId) -> str:
    """Where a certificate is listed that is renewed by its own expiry window."""
    return f"{RENEWAL}{due.isoformat()}/{config_name}/{unique_id}"


def summaries_prefix(config_name: str) -> str:
    return f"{SUMMARIES}{config_name}/"


def serial_prefix(serial_number: str) -> str:
    """Where the certificates with a serial number are listed.

    Args:
        serial_number: colon hex.
    """
    return f"{SERIALS}{serial_number.replace(':', '-')}/"


def serial_key(serial_number: str, config_name: str, unique_id: UniqueId) -> str:
    return f"{serial_prefix(serial_number)}{config_name}/{unique_id}"


def revoked_key(serial_number: str, config_name: str, unique_id: UniqueId) -> str:
    """Where a revoked certificate is listed by its serial number in colon hex."""
    return f"{REVOKED}{serial_number.replace(':', '-')}/{config_name}/{unique_id}"


def newest_chain_key(config_name: str) -> str:
    """Where the issuers of a config entry's newest certificate are noted."""
    return f"index/chain/{config_name}"


def role_key(role_name: str) -> str:
    return f"{ROLES}{role_name}"


def order_counts_key(config_name: str) -> str:
    """Where the recent orders of a config entry are counted."""
    return f"index/orders/{config_name}"


LOGINS = "index/login/"


def login_pause_key(config_name: str) -> str:
    """Where the refusal of a config entry's login is noted."""
    return f"{LOGINS}{config_name}"


EVENTS = "index/events/"


def event_page_key(day: str, name: str) -> str:
    """Where some events of a day are kept."""
    return f"{EVENTS}{day}/{name}"


SYNC_RUNS = "index/sync/"


def sync_run_key(config_name: str) -> str:
    """Where the newest comparison of a config entry with SCM is kept."""
    return f"{SYNC_RUNS}{config_name}"


AUTO_TIDY = "auto-tidy"
TIDY_RUN = "index/tidy"

MOUNT = "index/mount"
"""Written at a mount's first start; storage without it no longer belongs to the mount."""


def role_use_key(role_name: str) -> str:
    return f"index/role/{role_name}"
