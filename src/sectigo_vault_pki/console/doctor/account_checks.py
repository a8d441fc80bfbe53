"""Checks of the config entries, of the roles, and of what SCM says about them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sectigo_vault_pki.console.doctor.examination import Examination, NotApplicableError, NotPermittedError
from sectigo_vault_pki.console.doctor.results import Result, critical, informational, warning
from sectigo_vault_pki.console.server import FORBIDDEN, NOT_FOUND, OK, Answer

_VALIDATION_ENDS = timedelta(days=30)
_ANY = "any"


def config_entries(examination: Examination) -> Iterator[Result]:
    if not examination.configs:
        advice = (
            "Write one, as docs/guide/configuring.md has it. If there were some, and the mount was moved into another "
            "namespace, run `bao plugin reload` before anything is written."
        )
        yield warning(f"{examination.mount}/configs", "there is no config entry", advice)


def logins(examination: Examination) -> Iterator[Result]:
    examination.need_scm()
    for name in examination.configs:
        path = f"{examination.mount}/configs/{name}/test"
        answer = _permitted(examination.ask(path), path)
        if answer.status != OK:
            yield critical(path, _said(answer), "Correct the entry, or what SCM has, and read this path again.")
        for said in answer.warnings:
            yield warning(path, said)


def renewals_suspended(examination: Examination) -> Iterator[Result]:
    for name in examination.configs:
        entry, path = examination.config(name), f"{examination.mount}/configs/{name}"
        if entry.get("sectigo_suspend_renewals"):
            advice = f"When the emergency is over: `bao write {path} sectigo_suspend_renewals=false`."
            yield warning(path, "renewals are suspended: its certificates end without successors", advice)
        if entry.get("sectigo_auto_renew") is False:
            yield informational(path, "certificates of this entry are not renewed automatically")


def order_limits(examination: Examination) -> Iterator[Result]:
    for name, account in _accounts(examination).items():
        most, placed = _number(account.get("max_orders_per_day")), _number(account.get("orders_in_24_hours"))
        if most and placed >= most:
            advice = "Find out what orders so much, or raise sectigo_max_orders_per_day. Renewals wait, too."
            yield warning(f"{examination.mount}/configs/{name}", f"all {most} orders of 24 hours are used up", advice)


def scm_calls(examination: Examination) -> Iterator[Result]:
    for name, account in _accounts(examination).items():
        path = f"{examination.mount}/configs/{name}"
        if until := account.get("login_refused_until"):
            advice = f"Write the right login: that ends the pause. `bao read {path}/test` tries it."
            yield critical(path, f"SCM refuses the login; it is tried again at {until}", advice)
        if account.get("breaker") not in (None, "closed"):
            yield critical(path, f"calls to SCM fail: {account.get('trouble')}", "Check the network and SCM's status.")


def roles(examination: Examination) -> Iterator[Result]:
    defaults = examination.data(f"{examination.mount}/config/roles")
    for name in examination.listing(f"{examination.mount}/roles").keys:
        path = f"{examination.mount}/roles/{name}"
        role = examination.data(path)
        config = str(role.get("config") or defaults.get("config") or "")
        if config not in examination.configs:
            message = f'its config entry "{config}" does not exist' if config else "it names no config entry"
            yield critical(path, message, "Write that entry, or another config into the role.")


def profiles(examination: Examination) -> Iterator[Result]:
    examination.need_scm()
    for name in examination.listing(f"{examination.mount}/roles").keys:
        role = examination.data(f"{examination.mount}/roles/{name}")
        config = str(role.get("config") or "")
        if config in examination.configs:
            yield from _against_profile(examination, f"{examination.mount}/roles/{name}", role, config)


def domain_validations(examination: Examination) -> Iterator[Result]:
    examination.need_scm()
    refused = []
    for name in examination.configs:
        if examination.config(name).get("sectigo_config_type") != "ssl_cert":
            continue
        path = f"{examination.mount}/domains/{name}"
        answer = _permitted(examination.ask(path, "list"), path)
        if answer.status not in (OK, NOT_FOUND):
            refused.append(f"{path}: {_said(answer)}")
            continue
        infos = answer.data.get("key_info")
        for domain, state in (infos if isinstance(infos, dict) else {}).items():
            yield from _validation(examination, f"{path}/{domain}", state)
    if refused:
        raise NotApplicableError("; ".join(refused))


def _validation(examination: Examination, path: str, state: Mapping[str, Any]) -> Iterator[Result]:
    told = str(state.get("expiration") or "")
    ends = _moment(told)
    advice = f"Validate it again in SCM; `bao read {path}` shows what to publish."
    if str(state.get("dcv_status", "")).lower() == "expired" or (ends is not None and ends <= examination.now):
        yield warning(path, f"the validation of the domain has ended ({told})", advice)
    elif ends is not None and ends - examination.now <= _VALIDATION_ENDS:
        yield warning(path, f"the validation of the domain ends at {told}", advice)


def _against_profile(examination: Examination, path: str, role: Mapping[str, Any], config: str) -> Iterator[Result]:
    listing = f"{examination.mount}/profile/{config}"
    answer = _permitted(examination.ask(listing, "list"), listing)
    if answer.status not in (OK, NOT_FOUND):  # the check of the logins says why
        return
    infos = answer.data.get("key_info")
    wanted = str(role.get("certificate_type") or "")
    profile = (infos if isinstance(infos, dict) else {}).get(wanted)
    advice = f"`bao list -detailed {listing}` shows what can be ordered."
    if not isinstance(profile, dict):
        yield critical(path, f"SCM offers no profile {wanted} under the config entry {config}", advice)
        return
    terms, validity = profile.get("terms") or [], role.get("validity")
    if terms and validity and validity not in terms:
        offered = ", ".join(map(str, terms))
        yield critical(path, f"profile {wanted} has no validity of {validity} days, but of {offered}", advice)
    key_types, key_type = profile.get("key_types") or {}, str(role.get("key_type") or _ANY)
    algorithms = {str(algorithm).lower() for algorithm in key_types}
    if algorithms and key_type != _ANY and not any(word.startswith(key_type.lower()) for word in algorithms):
        yield critical(path, f"profile {wanted} takes no keys of type {key_type}", advice)
        return
    sizes = {
        size for algorithm, listed in key_types.items() if algorithm.lower().startswith(key_type) for size in listed
    }
    if sizes and role.get("key_bits") and not any(str(size).endswith(str(role["key_bits"])) for size in sizes):
        offered = ", ".join(sorted(map(str, sizes)))
        yield critical(
            path, f"profile {wanted} takes no {key_type} keys of {role['key_bits']} bits, but {offered}", advice
        )


def _accounts(examination: Examination) -> dict[str, Mapping[str, Any]]:
    accounts = examination.status.get("accounts")
    found = accounts if isinstance(accounts, dict) else {}
    return {name: account for name, account in sorted(found.items()) if isinstance(account, dict)}


def _permitted(answer: Answer, path: str) -> Answer:
    if answer.status == FORBIDDEN:
        raise NotPermittedError(path, answer.request.partition(" ")[0].lower().replace("get", "read"))
    return answer


def _said(answer: Answer) -> str:
    return "; ".join(" ".join(error.split()) for error in answer.errors) or f"HTTP {answer.status}"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moment(text: str) -> datetime | None:
    """Return the end that a domain shows: a moment, or a day, which it ends with."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
