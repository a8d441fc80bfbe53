"""What the SSL API does (scm-api.md 3): check the request against the tenant, then book, sign or answer."""

import re
from collections.abc import Sequence

from starlette.responses import Response

from sectigo_vault_pki.scm_simulator import bodies, problems
from sectigo_vault_pki.scm_simulator.catalogue import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.csr import Csr
from sectigo_vault_pki.scm_simulator.desk import Desk
from sectigo_vault_pki.scm_simulator.details import details_json, row_json
from sectigo_vault_pki.scm_simulator.filters import SSL_FILTERS
from sectigo_vault_pki.scm_simulator.inbound import SSL_COLLECTED_TYPE, Inbound, json_response, no_content
from sectigo_vault_pki.scm_simulator.names import distinct, is_server_name
from sectigo_vault_pki.scm_simulator.orders import CertificateRequest, Order, Subscription
from sectigo_vault_pki.scm_simulator.rules import Rules
from sectigo_vault_pki.scm_simulator.settings import Settings

_LENIENT_RENEW_BODIES = frozenset({b"", b'""'})


class SslApi:
    """The handlers, one method an operation; each raises `Problem` where SCM refuses.

    Args:
        catalogue: The tenant.
        settings: The knobs.
        rules: What the tenant allows.
        desk: The SSL orders.
    """

    def __init__(self, *, catalogue: Catalogue, settings: Settings, rules: Rules, desk: Desk) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._rules = rules
        self._desk = desk

    def types(self, inbound: Inbound) -> Response:
        return json_response(self._rules.types(self._catalogue.profiles, org_id=inbound.query.get("organizationId")))

    def custom_fields(self, _inbound: Inbound) -> Response:
        return json_response(self._rules.custom_fields())

    def enroll(self, inbound: Inbound) -> Response:
        body = bodies.EnrollBody.parse(inbound.body)
        organization = self._rules.organization(body.orgId)
        profile = self._profile(body.certType, body.term)
        csr = self._rules.csr(body.csr, profile)
        names = [name.strip() for name in (body.subjAltNames or "").split(",")]
        request = _request(
            csr,
            common_name=csr.common_name,
            names=[name for name in names if name],
            profile=profile,
            names_field="subjAltNames",
        )
        custom_fields = self._rules.custom_field_values(body.customFields or [])
        if self._settings.external_requester_required and not body.externalRequester:
            raise problems.external_requester_required()
        subscription = Subscription(
            organization=organization,
            profile=profile,
            term=body.term,
            comments=body.comments or "",
            external_requester=body.externalRequester or "",
            custom_fields=custom_fields,
        )
        order = self._desk.add(request, subscription)
        return json_response({"sslId": order.ssl_id, "renewId": order.renew_id})

    def collect(self, inbound: Inbound) -> Response:
        order = self._found(inbound)
        return Response(
            self._desk.collect(order, inbound),
            headers={
                "content-type": SSL_COLLECTED_TYPE,
                "content-disposition": f'attachment; filename="{_file_name(order)}.cert"',
            },
        )

    def list_orders(self, inbound: Inbound) -> Response:
        """Answer a page, or the count alone to HEAD."""
        page = self._desk.page(inbound.query, SSL_FILTERS)
        return json_response(
            [row_json(order) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound) -> Response:
        return json_response(details_json(self._found(inbound), self._desk.now()))

    def renew_by_id(self, inbound: Inbound) -> Response:
        body = self._renew_body(inbound)
        renewed = self._desk.renew(self._addressed(inbound), body.csr)
        return json_response({"sslId": renewed.ssl_id}) if self._settings.renew_answers_id else no_content()

    def renew(self, inbound: Inbound) -> Response:
        """Renew by renewId, which answers no id."""
        body = self._renew_body(inbound)
        order = self._desk.find_by_renew_id(inbound.path["renew_id"])
        if order is None:
            raise problems.invalid_renew_id()
        self._desk.renew(order, body.csr)
        return no_content()

    def _renew_body(self, inbound: Inbound) -> bodies.RenewBody:
        if not self._settings.strict_renew_body and inbound.body.strip() in _LENIENT_RENEW_BODIES:
            return bodies.RenewBody()
        return bodies.RenewBody.parse(inbound.body)

    def replace(self, inbound: Inbound) -> Response:
        body = bodies.ReplaceBody.parse(inbound.body)
        order = self._addressed(inbound)
        self._desk.check_replaceable(order)
        profile = order.subscription.profile
        csr = self._rules.csr(body.csr, profile)
        names = body.subjectAlternativeNames
        request = _request(
            csr,
            common_name=body.commonName or csr.common_name,
            names=order.request.names if names is None else names,
            profile=profile,
            names_field="subjectAlternativeNames",
        )
        self._desk.replace(order, request)
        return no_content()

    def revoke(self, inbound: Inbound) -> Response:
        body = bodies.RevokeBody.parse(inbound.body)
        self._desk.revoke(self._addressed(inbound), reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_by_serial(self, inbound: Inbound) -> Response:
        body = bodies.RevokeBody.parse(inbound.body)
        self._desk.revoke_by_serial(inbound.path["serial"], reason=body.reason, code=body.reasonCode)
        return no_content()

    def approve(self, inbound: Inbound) -> Response:
        body = bodies.DecisionBody.parse(inbound.body)
        self._desk.approve(self._addressed(inbound), message=body.message)
        return no_content()

    def decline(self, inbound: Inbound) -> Response:
        body = bodies.DecisionBody.parse(inbound.body)
        self._desk.decline(self._addressed(inbound), message=body.message)
        return no_content()

    def _found(self, inbound: Inbound) -> Order:
        """Find the order of a GET, which knows 404."""
        order = self._desk.find(inbound.path["ssl_id"])
        if order is None:
            raise problems.certificate_not_found(inbound.path["ssl_id"])
        return order

    def _addressed(self, inbound: Inbound) -> Order:
        """Find the order of a POST, which answers 400 to an unknown id (scm-api.md 9)."""
        order = self._desk.find(inbound.path["ssl_id"])
        if order is None:
            raise problems.wrong_ssl_id(inbound.path["ssl_id"])
        return order

    def _profile(self, profile_id: int, term: int) -> Profile:
        profile = self._catalogue.profile(profile_id)
        if profile is None:
            raise problems.unknown_profile(profile_id)
        self._rules.check_term(profile, term)
        return profile


def _request(
    csr: Csr, *, common_name: str, names: Sequence[str], profile: Profile, names_field: str
) -> CertificateRequest:
    """Put together what the certificate says; SANs within the CSR have no say (scm-api.md 8.4)."""
    if not all(is_server_name(name) for name in names):
        raise problems.invalid_value(names_field)
    common_name = common_name or next(iter(names), "")
    if not is_server_name(common_name):
        raise problems.invalid_csr()
    all_names = [common_name, *names]
    if not profile.multi_domain and not common_name.startswith(("www.", "*.")):
        all_names.insert(1, f"www.{common_name}")
    return CertificateRequest(csr=csr, common_name=common_name, names=distinct(all_names))


def _file_name(order: Order) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", order.request.common_name)
