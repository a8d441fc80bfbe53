"""`python -m sectigo_vault_pki.scm_simulator`."""

import sys
from importlib.util import find_spec

EXTRA = ("httptools", "starlette", "uvicorn", "uvloop")


def main() -> int:
    """Run the simulator and return the exit status."""
    if any(find_spec(name) is None for name in EXTRA):
        print("The simulator needs its extra: pip install 'sectigo-vault-pki[simulator]'", file=sys.stderr)
        return 1
    import uvloop  # noqa: PLC0415 - needs the extra

    from sectigo_vault_pki.scm_simulator.serve import program  # noqa: PLC0415 - needs the extra

    asked = program.parse(sys.argv[1:])
    try:
        uvloop.run(program.run(asked))
    except OSError as error:
        print(f"The simulator cannot run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
