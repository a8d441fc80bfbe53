"""The fields that paths take, by what they are about: help texts, OpenAPI and `docs/fields.md` come from here."""
