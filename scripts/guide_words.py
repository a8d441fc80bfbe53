"""The words of the guide's examples: what differs from run to run, in the form in which the guide prints it.

An id, an address or a moment has one form in the guide and another one in a run; commands are translated to the run,
answers back to the guide.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

GUIDE_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""When the guide's session takes place; a run's moments are moved there, to the hour."""
LEFT_OUT = "…"
WARNING_WIDTH = 80

_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UNIX_TIME = re.compile(r'(\b(?:expiration|not_before|revocation_time)"?:? +)(\d{10})\b')
_SERIAL = re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){14,}\b")
_RENEW_ID = re.compile(r'(\brenew_id"?:? +"?)[A-Za-z0-9]{20}\b')
_REQUEST_ID = re.compile(r'("request_id": ")[^"]+')
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_WARNING = frozenset({"WARNING!", "  *"})
_FOLDED_WARNING = re.compile(r"^  \* .*\n(?:  (?![* ]).*\n)*", re.MULTILINE)
_UNFOLDED_WARNING = re.compile(r"^  \* .*$", re.MULTILINE)
_BLOCK = r"-----BEGIN (?P<{0}>[A-Z0-9 ]+)-----(?:(?!-----).)+-----END (?P={0})-----"
_BLOCK_END = r"(?:\\n|\s)*"
_PEM = re.compile(
    _BLOCK.format("label") + rf"(?:{_BLOCK_END}{_BLOCK.format('next')})*" + r'(?:\\n(?=")|\n(?=\]))?', re.DOTALL
)


class Words:
    """Translates between the guide and one run.

    Args:
        fixed: words of the run by their form in the guide.
        now: when the run began.
    """

    def __init__(self, fixed: Mapping[str, str], now: datetime) -> None:
        self._of_run = dict(fixed)
        self._now = now
        self._serials: dict[str, str] = {}

    def orders(self, ssl: Iterable[int], client: Iterable[int]) -> None:
        """Learn SCM's ids: the guide counts them in the order in which they came."""
        self._of_run |= {str(283_801 + number): str(scm_id) for number, scm_id in enumerate(ssl)}
        self._of_run |= {str(1_632_880_001 + number): str(scm_id) for number, scm_id in enumerate(client)}

    def of_run(self, text: str) -> str:
        """Return a command of the guide as it is run."""
        return _translated(text, self._of_run)

    def of_guide(self, answer: str) -> str:
        """Return an answer as the guide prints it."""
        for uuid in _UUID.findall(_REQUEST_ID.sub("", answer)):
            if uuid not in self._of_run.values():
                known = sum(1 for word in self._of_run if _UUID.fullmatch(word))
                self._of_run[f"6f9c1a2e-5b7d-4c3a-9e10-{known + 1:012}"] = uuid
        text = _PEM.sub(_short_pem, unfolded(answer))
        text = _translated(text, {value: word for word, value in self._of_run.items()})
        text = _TIME.sub(
            lambda match: self._moved(datetime.fromisoformat(match[0])).strftime("%Y-%m-%dT%H:%M:%SZ"), text
        )
        text = _UNIX_TIME.sub(lambda match: match[1] + self._moved_seconds(int(match[2])), text)
        text = _SERIAL.sub(lambda match: self._serial(match[0]), text)
        text = _RENEW_ID.sub(rf"\1{LEFT_OUT}", text)
        text = _REQUEST_ID.sub(rf"\1{LEFT_OUT}", text)
        return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"

    def _moved(self, moment: datetime) -> datetime:
        return GUIDE_NOW + timedelta(hours=round((moment - self._now) / timedelta(hours=1)))

    def _moved_seconds(self, unix_seconds: int) -> str:
        return str(int(self._moved(datetime.fromtimestamp(unix_seconds, UTC)).timestamp()))

    def _serial(self, serial: str) -> str:
        return self._serials.setdefault(serial, f"4c:1d:{LEFT_OUT}:{len(self._serials) + 1:02x}")


def abridged(answer: str, printed: str) -> str:
    """Leave out of an answer what the guide leaves out.

    Where the printed form ends with a line `…`, only lines are kept that begin like a printed one. Warnings always are.
    A JSON list that is left out is left out to its end.
    """
    shown = {_beginning(line) for line in printed.splitlines()}
    if LEFT_OUT not in shown:
        return answer
    kept: list[str] = []
    left_out_to = ""
    for line in answer.splitlines():
        if left_out_to:
            left_out_to = "" if line.startswith(left_out_to) else left_out_to
        elif _beginning(line) in shown | _WARNING:
            kept.append(line)
        elif line.endswith("["):
            left_out_to = line[: len(line) - len(line.lstrip())] + "]"
    return "\n".join((*kept, LEFT_OUT)) + "\n"


def unfolded(answer: str) -> str:
    """Put each warning on one line; the command line folds them by the length of the run's words."""
    return _FOLDED_WARNING.sub(lambda match: "  * " + " ".join(match[0].split()[1:]) + "\n", answer)


def folded(answer: str) -> str:
    """Fold each warning as the command line does."""
    return _UNFOLDED_WARNING.sub(
        lambda match: textwrap.fill(
            match[0], WARNING_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        ),
        answer,
    )


def _beginning(line: str) -> str:
    """Return the first word and what is before it."""
    return line[: len(line) - len(line.lstrip())] + (line.split(maxsplit=1) or [""])[0]


def _translated(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words, all at once, so that no replacement is replaced again."""
    if not words:
        return text
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, longest_first))})(?![0-9A-Za-z])")
    return pattern.sub(lambda match: words[match[0]], text)


def _short_pem(match: re.Match[str]) -> str:
    count = match[0].count("-----BEGIN ")
    return f"-----BEGIN {match['label']}-----{LEFT_OUT}" + (f" ({count} of them)" if count > 1 else "")
