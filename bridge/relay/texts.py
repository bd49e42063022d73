"""What the two sides hand to the middle, in the product's words."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

FAILED = ("SendingFailed", "DeliveryFailed")  # of RingCentral's messageStatus
SIDE_NAMES = {"slack": "Slack", "ringcentral": "RingCentral"}


def storable(text: str) -> str:
    """Without what no database takes: PostgreSQL knows no NUL, and none knows half a character."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class AttachmentNote:
    """A file that came or was to go with a text: what it is, not its bytes."""

    content_type: str
    size_bytes: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class CarrierRecord:
    """One record of a RingCentral message store, SMS or MMS.

    `store` is account id "/" extension id of the store's owner. `direction` is in or out.
    `author_number` is whoever wrote it: the phone, or our own number. `outside_numbers` are all
    numbers of it that are not ours. `status` is RingCentral's messageStatus, `error_code` its
    deliveryErrorCode. `refused_numbers` are those of a group's numbers that it says it did not
    reach.
    """

    store: str
    record_id: str
    ringcentral_conversation_id: str | None
    direction: str
    own_number: str
    outside_numbers: tuple[str, ...]
    author_number: str
    body: str
    sent_at: datetime
    status: str
    error_code: str | None = None
    attachments: tuple[AttachmentNote, ...] = ()
    refused_numbers: tuple[str, ...] = ()

    @property
    def reached_somebody(self) -> bool:
        """Of a group's text that failed: whether some have it, as far as is known."""
        others = set(self.outside_numbers) - set(self.refused_numbers)
        return len(self.outside_numbers) > 1 and bool(others)

    def to_json(self) -> str:
        """The record as text, to be kept."""
        return json.dumps({**asdict(self), "sent_at": self.sent_at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> CarrierRecord:
        """The record that `to_json` wrote."""
        values = json.loads(text)
        values["sent_at"] = datetime.fromisoformat(values["sent_at"])
        values["outside_numbers"] = tuple(values["outside_numbers"])
        values["refused_numbers"] = tuple(values.get("refused_numbers", ()))
        values["attachments"] = tuple(AttachmentNote(**each) for each in values["attachments"])
        return cls(**values)


@dataclass(frozen=True)
class Reply:
    """A message a person wrote in a thread. `markup` is Slack's text, as written.

    `is_stranger` is true where the event itself shows an author of another organisation, `is_late`
    where it was written so long ago that its author must be asked whether it should still go.
    """

    team_id: str
    channel_id: str
    thread_ts: str
    ts: str
    author_id: str
    markup: str
    is_stranger: bool = False
    is_late: bool = False
    files: tuple[AttachmentNote, ...] = ()


@dataclass(frozen=True)
class ReplyEdit:
    """A person's edit of a message in a thread; `edit_ts` grows with every edit."""

    team_id: str
    channel_id: str
    thread_ts: str
    ts: str
    edit_ts: str
    author_id: str
    markup: str


@dataclass(frozen=True)
class ReplyDeletion:
    """A person's deletion of a message; `thread_ts` is None where Slack did not tell its thread."""

    team_id: str
    channel_id: str
    thread_ts: str | None
    ts: str


@dataclass(frozen=True)
class NewText:
    """`/sms <number> <text>`. `trigger_id` makes the same command, delivered twice, one text."""

    team_id: str
    channel_id: str
    author_id: str
    to_number: str
    markup: str
    trigger_id: str
    response_url: str


@dataclass(frozen=True)
class OwnNumber:
    """One of our numbers, as a RingCentral login sees it: what an inbox can be made of.

    `store` is account id "/" id of the extension whose message store holds its texts.
    `owner_kind` is user, queue, site, company or other. `why_not` is a sentence with its remedy
    where it cannot send or cannot receive, else None. `is_checked` is false where there was no time
    yet to ask all about it.
    """

    phone_number: str
    login_id: int
    store: str
    owner_name: str
    owner_kind: str
    can_send: bool
    can_receive: bool
    takes_files: bool
    why_not: str | None = None
    is_checked: bool = True
