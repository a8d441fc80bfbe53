"""Orders of somebody else's, for a name that is ours too."""

import hashlib
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sectigo_vault_pki.scm_simulator.model.orders import CertificateRequest, Csr, Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator


def foreign_order(simulator: Simulator, like: Order, *, is_approved: bool) -> Order:
    """Order in SCM's portal what one of our orders has, with another key; one that is not approved stays pending."""
    public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    csr = Csr(public_key, "EC", "P-256", like.request.common_name, hashlib.sha256(der).hexdigest())
    request = CertificateRequest(csr, like.request.common_name, like.request.names)
    settings = simulator.settings
    approves, settings.auto_approve = settings.auto_approve, is_approved
    order = simulator.orders.add(request, replace(like.subscription, comments="foreign"), requester="somebody")
    settings.auto_approve = approves
    return order
