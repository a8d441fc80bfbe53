"""`ca`, `ca_chain`, `issuer/`, `issuers` and `crl`: the CA as Vault's own pki engine shows its own.

What is shown is the chain of the newest certificate under the mount's default config entry: SCM does not tell in
advance who will issue. As in Vault's pki, most of these paths need no token.
"""

from collections.abc import Callable, Sequence

from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.paths.answers import pki_answer as answers
from sectigo_vault_pki.paths.answers.certificate_answer import Schema
from sectigo_vault_pki.paths.error_kinds import NOT_FOUND
from sectigo_vault_pki.paths.fields.pki_fields import AUTHORITY, SERIAL
from sectigo_vault_pki.pki import CaCertificate
from sectigo_vault_pki.store import NewestChain
from sectigo_vault_pki.vault_plugin.framework import PAGING, Call, Field, FieldData, Handler, Path, page_response
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, raw_response

DER = "application/pkix-cert"
PEM = "application/pem-certificate-chain"
CHAIN_TYPE = DER
"""What Vault's pki calls `ca_chain`, although it is PEM."""

Answer = Callable[[NewestChain, FieldData], Response]


def ca_paths(engine: Engine) -> Sequence[Path]:
    """Declare what shows the CA; some of them also match `cert/:serial`, which has to come later."""
    return (
        _raw(engine, "ca", DER, lambda issuers: issuers[0].der, synopsis="Read the issuer's certificate in DER."),
        _raw(engine, "ca/pem", PEM, _stripped, synopsis="Read the issuer's certificate in PEM."),
        _raw(engine, "ca_chain", CHAIN_TYPE, _joined, synopsis="Read the issuers' certificates in PEM, nearest first."),
        _json(
            engine,
            "cert/ca",
            lambda chain, _: Response(data=answers.ca_data(chain)),
            synopsis="Read the issuer's certificate.",
            schema=answers.CA_SCHEMA,
        ),
        _raw(
            engine, "cert/ca/raw", DER, lambda issuers: issuers[0].der, synopsis="Read the issuer's certificate in DER."
        ),
        _raw(engine, "cert/ca/raw/pem", PEM, _stripped, synopsis="Read the issuer's certificate in PEM."),
        _json(
            engine,
            "cert/ca_chain",
            lambda chain, _: Response(data=answers.whole_chain_data(chain)),
            synopsis="Read the issuers' certificates, nearest first.",
            schema=answers.WHOLE_CHAIN_SCHEMA,
        ),
    )


def crl_paths(engine: Engine) -> Sequence[Path]:
    """Declare what says where the CA publishes its CRL; `cert/crl` has to come before `cert/:serial`."""

    def answer(chain: NewestChain, _: FieldData) -> Response:
        return Response(data=answers.crl_data(chain), warnings=(answers.crl_remark(chain),))

    return tuple(
        _json(
            engine,
            template,
            answer,
            synopsis="Read where the CA publishes its CRL.",
            schema=answers.CRL_SCHEMA,
            description=CRL_DESCRIPTION,
        )
        for template in ("crl", "crl/pem", "cert/crl")
    )


def serial_raw_paths(engine: Engine) -> Sequence[Path]:
    """Declare the reads of a certificate by serial number that answer nothing but the certificate."""

    async def read_der(_: Request, data: FieldData) -> Response:
        return raw_response(answers.leaf_of(await engine.inventory.by_serial(data[SERIAL])).der, DER)

    async def read_pem(_: Request, data: FieldData) -> Response:
        return raw_response(_text(answers.leaf_of(await engine.inventory.by_serial(data[SERIAL])).pem.strip()), PEM)

    return tuple(
        Path(
            template=template,
            fields=(SERIAL,),
            operations={Operation.READ: _handler(template, read, content_type=content_type)},
            synopsis=f"Read a certificate, without its key, by its serial number: {what} and nothing else.",
            description="Returns the certificate itself in place of a JSON answer; cert/<serial> has more about it.",
            is_unauthenticated=True,
        )
        for template, content_type, read, what in (
            ("cert/{serial}/raw", DER, read_der, "DER"),
            ("cert/{serial}/raw/pem", PEM, read_pem, "PEM"),
        )
    )


def issuer_paths(engine: Engine) -> Sequence[Path]:
    """Declare the issuers of the chain, by `default` or their ids."""
    return (
        _json(
            engine,
            "issuer/{issuer_ref}",
            lambda chain, data: Response(data=answers.issuer_data(chain, data[AUTHORITY])),
            synopsis="Read an issuer.",
            schema=answers.ISSUER_SCHEMA,
            fields=(AUTHORITY,),
            is_unauthenticated=False,
        ),
        _json(
            engine,
            "issuer/{issuer_ref}/json",
            lambda chain, data: Response(data=answers.issuer_json(chain, data[AUTHORITY])),
            synopsis="Read an issuer's certificate and those above it.",
            schema=answers.ISSUER_JSON_SCHEMA,
            fields=(AUTHORITY,),
        ),
        _of_issuer(engine, "issuer/{issuer_ref}/pem", PEM, lambda issuer: _text(issuer.pem), form="PEM"),
        _of_issuer(engine, "issuer/{issuer_ref}/der", DER, lambda issuer: issuer.der, form="DER"),
        _issuers_list(engine),
    )


_OPERATION_IDS = {
    "ca": "read-ca-der",
    "ca/pem": "read-ca-pem",
    "ca_chain": "read-ca-chain-pem",
    "cert/ca_chain": "read-cert-ca-chain",
    "cert/crl": "read-cert-crl",
    "cert/{serial}/raw": "read-cert-raw-der",
    "cert/{serial}/raw/pem": "read-cert-raw-pem",
    "crl": "read-crl-der",
    "crl/pem": "read-crl-pem",
    "issuer/{issuer_ref}": "read-issuer",
    "issuer/{issuer_ref}/der": "read-issuer-der",
    "issuer/{issuer_ref}/json": "read-issuer-json",
    "issuer/{issuer_ref}/pem": "read-issuer-pem",
}
"""What the built-in engine's OpenAPI document calls its reads."""


def _handler(template: str, read: Call, *, answer: Schema | None = None, content_type: str = "") -> Handler:
    return Handler(
        read,
        answer=answer or {},
        content_type=content_type,
        failures=NOT_FOUND,
        operation_id=_OPERATION_IDS.get(template, ""),
    )


def _issuers_list(engine: Engine) -> Path:
    async def list_issuers(_: Request, data: FieldData) -> Response:
        key_info = answers.issuers_info(await engine.newest_chain())
        return page_response([*key_info], data, key_info=key_info)

    return Path(
        template="issuers/",
        fields=PAGING,
        operations={
            Operation.LIST: Handler(
                list_issuers,
                query=PAGING,
                answer=answers.ISSUERS_SCHEMA,
                operation_id="list-issuers",
            )
        },
        synopsis="List the issuers of the newest certificate.",
        description=DESCRIPTION,
        is_unauthenticated=True,
    )


def _json(
    engine: Engine,
    template: str,
    answer: Answer,
    *,
    synopsis: str,
    schema: Schema,
    description: str = "",
    fields: Sequence[Field[object]] = (),
    is_unauthenticated: bool = True,
) -> Path:
    async def read(_: Request, data: FieldData) -> Response:
        return answer(await engine.newest_chain(), data)

    return Path(
        template=template,
        fields=fields,
        operations={Operation.READ: _handler(template, read, answer=schema)},
        synopsis=synopsis,
        description=description or DESCRIPTION,
        is_unauthenticated=is_unauthenticated,
    )


def _raw(
    engine: Engine,
    template: str,
    content_type: str,
    body: Callable[[Sequence[CaCertificate]], bytes],
    *,
    synopsis: str,
) -> Path:
    async def read(_request: Request, _data: FieldData) -> Response:
        return raw_response(body(answers.issuers_of(await engine.newest_chain())), content_type)

    return Path(
        template=template,
        fields=(),
        operations={Operation.READ: _handler(template, read, content_type=content_type)},
        synopsis=synopsis,
        description=DESCRIPTION,
        is_unauthenticated=True,
    )


def _of_issuer(
    engine: Engine, template: str, content_type: str, body: Callable[[CaCertificate], bytes], *, form: str
) -> Path:
    async def read(_: Request, data: FieldData) -> Response:
        issuer = answers.issuers_from(await engine.newest_chain(), data[AUTHORITY])[0]
        return raw_response(body(issuer), content_type)

    return Path(
        template=template,
        fields=(AUTHORITY,),
        operations={Operation.READ: _handler(template, read, content_type=content_type)},
        synopsis=f"Read an issuer's certificate in {form}.",
        description=DESCRIPTION,
        is_unauthenticated=True,
    )


def _stripped(issuers: Sequence[CaCertificate]) -> bytes:
    return _text(issuers[0].pem.strip())


def _joined(issuers: Sequence[CaCertificate]) -> bytes:
    return _text("\n".join(issuer.pem.strip() for issuer in issuers))


def _text(pem: str) -> bytes:
    return pem.encode("ascii")


DESCRIPTION = """
Shows the CA as SCM uses it: the issuers of the newest SSL certificate that was collected under the mount's default
config entry. This is the config of config/roles, or else the only entry that orders SSL certificates. Before there is
such a certificate the answer is 404, as SCM does not tell in advance who will issue. The read does not call SCM.
"""

CRL_DESCRIPTION = """
Returns the CRL distribution points of the newest SSL certificate under the mount's default config entry: the CA
publishes its CRL there. This engine signs nothing, and has no CRL of its own; certs/revoked lists the serial numbers of
the revoked certificates that it keeps.
"""
