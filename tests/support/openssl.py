"""OpenSSL's command line, which did not write what it judges."""

import subprocess


def openssl(*arguments: str, given: bytes = b"", fails: bool = False) -> str:
    """Run `openssl` on some bytes; return what it says, its errors among it.

    Args:
        arguments: the command and its options.
        given: what it reads from its standard input.
        fails: whether it has to fail, rather than to succeed.
    """
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, timeout=30, check=False)
    said = (done.stdout + done.stderr).decode()
    assert bool(done.returncode) is fails, said
    return said
