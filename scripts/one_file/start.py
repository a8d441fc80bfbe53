"""What the unpacked interpreter runs first."""

import sys

del sys.argv[0]  # the next one is the name by which the host started the program

from sectigo_vault_pki.__main__ import main  # noqa: E402

sys.exit(main())
