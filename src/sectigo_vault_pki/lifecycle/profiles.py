"""The certificate profiles of config entries, for somebody who asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sectigo_vault_pki.errors import UnknownProfileError
from sectigo_vault_pki.lifecycle.offers import drop_offers, told_offers
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import CustomField, Profile

FIELDS_NOT_SAID = "SCM does not say which custom fields an order needs: orders are not checked for them"
LISTED_TWICE = "SCM lists this profile more than once: orders of it are not checked"


@dataclass(frozen=True, slots=True)
class ProfileWithFields:
    """A profile, and the custom fields that every order needs."""

    profile: Profile
    mandatory_fields: Sequence[CustomField]
    warnings: tuple[str, ...] = ()


class Profiles:
    """Returns the profiles of one mount's config entries; what SCM said is kept for an hour."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def listed(self, config_name: str) -> Sequence[Profile]:
        """Return every profile that SCM offers.

        Raises:
            UnknownConfigError: there is no such entry.
            ScmRefusedError, ScmUnavailableError: SCM does not list them.
        """
        offers = await told_offers(self._resources, await self._resources.entry(config_name))
        return [profile for profile_id in offers.rows if (profile := offers.profile(profile_id)) is not None]

    async def get(self, config_name: str, profile_id: int, *, ask_again: bool = False) -> ProfileWithFields:
        """Return one profile.

        Args:
            config_name: the config entry.
            profile_id: SCM's id.
            ask_again: asks SCM, whatever is kept.

        Raises:
            UnknownConfigError, UnknownProfileError: there is no such entry or profile.
            ScmRefusedError, ScmUnavailableError: SCM does not list them.
        """
        offers = await told_offers(self._resources, await self._resources.entry(config_name), ask_again=ask_again)
        profile = offers.profile(profile_id)
        if profile is None:
            raise UnknownProfileError(profile_id, offers.ids)
        return ProfileWithFields(
            profile,
            offers.mandatory_fields(),
            (
                *((LISTED_TWICE,) if offers.certain(profile_id) is None else ()),
                *((FIELDS_NOT_SAID,) if offers.custom_fields is None else ()),
            ),
        )

    def drop(self, config_name: str) -> None:
        """Delete what is kept of an entry, so that SCM is asked the next time."""
        drop_offers(self._resources, config_name)
