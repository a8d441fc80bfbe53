"""What the program says about itself, to people and to programs."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Credentials, Profile


@dataclass(frozen=True)
class Announcement:
    """Where the simulator can be reached.

    Args:
        url: The API's root; the API lies under `/api`.
        control_url: The control listener's root.
        credentials: The login.
        catalogue: The tenant.
        ca_file: The root that the certificates lead to, PEM.
        server_ca_file: The CA of the https listener, PEM; None for plain http.
    """

    url: str
    control_url: str
    credentials: Credentials
    catalogue: Catalogue
    ca_file: Path
    server_ca_file: Path | None

    def document(self) -> bytes:
        """Return the ready file's JSON, which holds the password."""
        values: dict[str, Any] = {
            "url": self.url,
            "control_url": self.control_url,
            "user": self.credentials.user,
            "password": self.credentials.password,
            "customer_uri": self.credentials.customer_uri,
            "org_id": self.catalogue.organization.id,
            "profiles": [_profile_json(profile) for profile in self.catalogue.profiles],
            "client_profiles": [_profile_json(profile) for profile in self.catalogue.client_profiles],
            "ca_file": str(self.ca_file),
            "server_ca_file": None if self.server_ca_file is None else str(self.server_ca_file),
        }
        return json.dumps(values, indent=2).encode() + b"\n"

    def text(self) -> str:
        """Return what the terminal shows; a password other than the demo's is not repeated."""
        lines = [
            "Sectigo SCM simulator: for tests only, everything is gone when it stops.",
            f"  SSL            {self.url}/api/ssl/v1",
            f"  client         {self.url}/api/smime/v1",
            f"  control        {self.control_url}/orders",
            f"  root CA        {self.ca_file}",
        ]
        if self.server_ca_file is not None:
            lines.append(f"  https CA       {self.server_ca_file}")
        lines.append(f"  organization   {self.catalogue.organization.id}")
        lines += [_profile_line("SSL", profile) for profile in self.catalogue.profiles]
        lines += [_profile_line("client", profile) for profile in self.catalogue.client_profiles]
        commands = [self._config_command("demo", "ssl_cert"), self._config_command("demo-client", "client_cert")]
        return "\n".join([*lines, "", *commands])

    def _config_command(self, name: str, config_type: str) -> str:
        """Return a line that makes the engine use this simulator; `bao` takes the same words."""
        is_demo = self.credentials.password == Credentials().password
        values = {
            "sectigo_cm_user": shlex.quote(self.credentials.user),
            "sectigo_cm_password": shlex.quote(self.credentials.password) if is_demo else '"$SCM_PASSWORD"',
            "sectigo_cm_uri": shlex.quote(self.credentials.customer_uri),
            "sectigo_config_type": config_type,
            "sectigo_cm_org_id": str(self.catalogue.organization.id),
            "sectigo_cm_base_url": self.url,
        }
        if self.server_ca_file is not None:
            values["sectigo_cm_ca_cert"] = shlex.quote(f"@{self.server_ca_file}")
        fields = " ".join(f"{field}={value}" for field, value in values.items())
        return f"vault write sectigo-vault-pki/configs/{name} {fields}"


def _profile_json(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "name": profile.name,
        "terms": list(profile.terms),
        "key_types": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
        "renewable": profile.renewable,
    }


def _profile_line(kind: str, profile: Profile) -> str:
    return f"  {kind + ' profile':<14} {profile.id}  {profile.name}, days {', '.join(map(str, profile.terms))}"
