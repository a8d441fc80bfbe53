import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ChainError
from sectigo_vault_pki.pki.pem import PemBlock, is_cut_off, normalise_pem, pem_blocks, pem_der

ders = st.binary(min_size=1, max_size=400)
labels = st.sampled_from(["CERTIFICATE", "RSA PRIVATE KEY", "PKCS7"])


@given(st.text(alphabet=st.sampled_from("ab+/=- \t\\nr\r\n"), max_size=200))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise_pem(text)
    assert normalise_pem(once) == once


@given(labels, ders, st.sampled_from(["\r\n", "\\n", "\\r\\n", "\r", "  \n\t", "\n\n"]))
def test_every_way_of_pasting_gives_the_same_block(label: str, der: bytes, line_end: str) -> None:
    block = PemBlock(label, der)
    pasted = "  " + block.text.replace("\n", line_end) + "  "
    assert tuple(pem_blocks(normalise_pem(pasted))) == (block,)


@given(labels, ders)
def test_a_block_without_line_ends_in_its_body_is_wrapped(label: str, der: bytes) -> None:
    one_line = f"-----BEGIN {label}-----{base64.b64encode(der).decode()}-----END {label}-----"
    (block,) = pem_blocks(one_line)
    assert max(map(len, block.text.splitlines()[1:-1])) <= 64
    assert block.text.endswith("-----\n")


def test_text_around_blocks_is_left_out() -> None:
    block = PemBlock("CERTIFICATE", b"\x30\x00")
    text = f"subject=CN=one\n{block.text}issuer=CN=two\n{block.text}the end"
    assert tuple(pem_blocks(text)) == (block, block)


def test_a_block_that_ends_as_something_else_is_none() -> None:
    assert not tuple(pem_blocks("-----BEGIN CERTIFICATE-----\nMAA=\n-----END PKCS7-----\n"))


def test_a_block_that_is_no_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="no base64"):
        tuple(pem_blocks("-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n"))


def test_a_block_shows_no_content() -> None:
    assert repr(PemBlock("PRIVATE KEY", b"secret")) == "PemBlock(label='PRIVATE KEY')"


def test_the_one_block_of_a_text_is_taken_out_of_it() -> None:
    block = PemBlock("CERTIFICATE", b"\x30\x00")
    assert pem_der(block.text) == b"\x30\x00"
    for stored in ("", block.text * 2, "-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ChainError, match="the stored certificate cannot be read"):
            pem_der(stored)


BLOCK = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no PEM",
        BLOCK,
        BLOCK + BLOCK,
        BLOCK.rstrip() + BLOCK,
        BLOCK + "-----\n",
        BLOCK + "---------\n",
        BLOCK + "END OF FILE\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----\n" + BLOCK,
    ],
)
def test_whole_blocks_are_not_cut_off(text: str) -> None:
    assert not is_cut_off(normalise_pem(text))


@pytest.mark.parametrize(
    "text",
    [
        BLOCK + "-----B",
        BLOCK + "-----BEGIN",
        BLOCK + "-----BEGIN ",
        BLOCK + "-----BEGIN CERT",
        BLOCK + "-----BEGIN CERTIFICATE-----",
        BLOCK[:-2],
        BLOCK[:40] + BLOCK,
        BLOCK.replace("END CERTIFICATE", "END PKCS7"),
    ],
)
def test_a_block_without_an_end_is_cut_off(text: str) -> None:
    assert is_cut_off(normalise_pem(text))


def test_a_label_may_hold_a_number_sign() -> None:
    (block,) = pem_blocks("-----BEGIN PKCS #7 SIGNED DATA-----\nMAA=\n-----END PKCS #7 SIGNED DATA-----\n")
    assert block == PemBlock("PKCS #7 SIGNED DATA", b"\x30\x00")
