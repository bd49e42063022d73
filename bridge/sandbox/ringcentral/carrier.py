"""What happens to a text between the message store and the phones, in both directions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from bridge.sandbox.ringcentral.account import Account, Extension, PhoneNumber
from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.consents import Consents, read_keyword
from bridge.sandbox.ringcentral.mailboxes import Mailboxes
from bridge.sandbox.ringcentral.messages import Attachment, Message, conversation_id_of
from bridge.sandbox.ringcentral.phones import OutsideFile, Phone, ReceivedText
from bridge.sandbox.ringcentral.settings import Settings

OPTED_OUT = "SMS-RC-413"
SENDER_NOT_SET_UP = "SMS-UP-414"
CONFIRMATIONS = {
    "OptOut": "You are unsubscribed and will get no more texts. Reply START to subscribe again.",
    "OptIn": "You are subscribed again. Reply STOP to unsubscribe.",
}
# A carrier that fails a text says so a moment after it was handed over.
REPORT_AFTER_SECONDS = 0.05

Notice = Callable[[Message], None]


class Carrier:
    """Takes accepted texts to the phones, and the phones' texts to the stores."""

    def __init__(
        self,
        account: Account,
        clock: SimulatorClock,
        settings: Settings,
        mailboxes: Mailboxes,
        consents: Consents,
    ) -> None:
        self._account = account
        self._clock = clock
        self._settings = settings
        self._mailboxes = mailboxes
        self._consents = consents
        self._attachment_ids = itertools.count(1_609_709)
        self.phones: dict[str, Phone] = {}
        self.files: dict[int, Attachment] = {}
        self.outstanding_steps = 0
        self.on_created: Notice = lambda _message: None
        self.on_changed: Notice = lambda _message: None
        self.changed: Callable[[], None] = lambda: None

    def phone(self, number: str) -> Phone:
        if number not in self.phones:
            made = self.phones[number] = Phone(number, self.receive, self._clock.now)
            made.changed = lambda: self.changed()
            self.changed()
        return self.phones[number]

    def resume(self, message: Message) -> None:
        """Go on with an outbound text of an earlier run."""
        number = self._account.number(message.from_number)
        if message.status == "Queued":
            self._later(self._settings.sent_after_seconds, lambda: self._hand_over(message, number))
        elif message.status == "Sent":
            self._plan_receipt(message, list(message.to_numbers))

    def keep_file(self, file: Attachment) -> None:
        """A file of an earlier run."""
        self.files[file.attachment_id] = file
        self._attachment_ids = itertools.count(max(self.files) // 1000 + 1)

    # Outbound

    def accept(
        self,
        number: PhoneNumber,
        store: Extension,
        to_numbers: Sequence[str],
        text: str,
        files: Sequence[OutsideFile] = (),
    ) -> Message:
        """Record an outbound text as Queued and plan its way; checks nothing."""
        message = self._new_message(
            store, "Outbound", number.phone_number, tuple(to_numbers), text, files
        )
        message.read_status = "Read"
        self._mailboxes.add(message)
        self.on_created(message)
        self._later(self._settings.sent_after_seconds, lambda: self._hand_over(message, number))
        return message

    def _new_message(
        self,
        store: Extension,
        direction: str,
        from_number: str,
        to_numbers: tuple[str, ...],
        text: str,
        files: Sequence[OutsideFile],
        own_number: str = "",
    ) -> Message:
        now = self._clock.now()
        message_id = self._mailboxes.next_id()
        people = {from_number, *to_numbers}
        copy_of_text = Attachment(message_id, "Text", "text/plain", text.encode(errors="replace"))
        return Message(
            message_id=message_id,
            store_id=store.extension_id,
            direction=direction,
            from_number=from_number,
            to_numbers=to_numbers,
            text=text,
            created_at=now,
            modified_at=now,
            visible_at=now + timedelta(seconds=self._settings.visible_after_seconds),
            conversation_id=conversation_id_of(store.extension_id, people),
            status="Queued" if direction == "Outbound" else "Received",
            own_number=own_number or from_number,
            attachments=[copy_of_text, *(self._attachment(*file) for file in files)],
        )

    def _attachment(self, name: str, content_type: str, content: bytes) -> Attachment:
        attachment_id = next(self._attachment_ids) * 1000 + 4
        file = Attachment(attachment_id, "MmsAttachment", content_type, content, name)
        self.files[attachment_id] = file
        return file

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def act_once() -> None:
            self.outstanding_steps -= 1
            act()

        self.outstanding_steps += 1
        self._clock.after(seconds, act_once)

    def _hand_over(self, message: Message, number: PhoneNumber) -> None:
        message.sending_attempts = 1
        reached, missed = [], {}
        for recipient in message.to_numbers:
            code = self._obstacle(number, recipient)
            if code.startswith(("SMS-RC", "SMS-UP")):
                missed[recipient] = code
                continue
            reached.append(recipient)
            self._arrive(message, recipient, silent=bool(code))
        if missed:
            self._fail(message, "SendingFailed", missed)
            return
        self._settle(message, "Sent")
        self._plan_receipt(message, reached)

    def _obstacle(self, number: PhoneNumber, recipient: str) -> str:
        if number.campaign_status != "Confirmed":  # None: registered for nothing
            return SENDER_NOT_SET_UP
        if self._consents.has_opted_out(number.phone_number, recipient):
            return OPTED_OUT
        phone = self.phones.get(recipient)
        return phone.fails_with if phone is not None else ""

    def _arrive(self, message: Message, recipient: str, *, silent: bool) -> None:
        inside = self._account.get_number(recipient)
        if inside is not None:
            self._arrive_inside(message, inside)
        elif not silent:
            self.phone(recipient).take_in(
                ReceivedText(
                    message.from_number,
                    message.to_numbers,
                    message.text,
                    tuple(message.files),
                    self._clock.now(),
                    message_id=message.message_id,
                )
            )

    def _arrive_inside(self, message: Message, number: PhoneNumber) -> None:
        """A text to one of the company's own numbers; a disabled or frozen one swallows it."""
        store = self._account.store_owner(number)
        if store is None or store.status != "Enabled":
            return
        files = [(each.file_name, each.content_type, each.content) for each in message.files]
        self._record_inbound(
            store, number.phone_number, message.from_number, message.to_numbers, message.text, files
        )

    def _settle(self, message: Message, status: str, code: str = "") -> None:
        message.status, message.error_code = status, code
        self._mailboxes.touch(message)
        self.on_changed(message)

    def _fail(self, message: Message, status: str, codes: Mapping[str, str]) -> None:
        """By recipient, why it did not reach them; the record names the first of these codes."""
        message.missed_numbers = tuple(codes)
        self._settle(message, status, next(iter(codes.values())))

    def _plan_receipt(self, message: Message, reached: list[str]) -> None:
        phones = [self.phones[number] for number in reached if number in self.phones]
        failing = {phone.number: phone.fails_with for phone in phones if phone.fails_with}
        if failing:
            self._later(
                self._settings.delivered_after_seconds or REPORT_AFTER_SECONDS,
                lambda: self._fail(message, "DeliveryFailed", failing),
            )
        elif self._settings.delivered_after_seconds is not None and all(
            phone.reports for phone in phones
        ):
            self._later(self._settings.delivered_after_seconds, lambda: self._confirm(message))

    def _confirm(self, message: Message) -> None:
        message.delivered_at = self._clock.now()
        self._settle(message, "Delivered")

    # Inbound

    def receive(
        self,
        from_number: str,
        to_numbers: tuple[str, ...],
        text: str,
        files: Sequence[OutsideFile] = (),
    ) -> Message:
        """A phone's text: recorded for each of our numbers in it, shown on the other phones."""
        stores = {number: self._receiving_store(number) for number in to_numbers}
        recorded = []
        for number, store in stores.items():
            if store is None:
                continue
            recorded.append(
                self._record_inbound(store, number, from_number, to_numbers, text, files)
            )
            self._obey_keyword(from_number, number, text)
        if not recorded:
            raise LookupError(f"nobody receives texts at {', '.join(to_numbers)}")
        for number in to_numbers:
            if self._account.get_number(number) is None:
                self._show(from_number, to_numbers, text, files, number)
        return recorded[0]

    def _receiving_store(self, number: str) -> Extension | None:
        inside = self._account.get_number(number)
        store = self._account.store_owner(inside) if inside is not None else None
        return store if store is not None and store.status == "Enabled" else None

    def _record_inbound(
        self,
        store: Extension,
        own_number: str,
        from_number: str,
        to_numbers: tuple[str, ...],
        text: str,
        files: Sequence[OutsideFile],
    ) -> Message:
        message = self._new_message(
            store, "Inbound", from_number, to_numbers, text, files, own_number
        )
        self._mailboxes.add(message)
        self.on_created(message)
        return message

    def _show(
        self,
        from_number: str,
        to_numbers: tuple[str, ...],
        text: str,
        files: Sequence[OutsideFile],
        number: str,
    ) -> None:
        attachments = tuple(self._attachment(*file) for file in files)
        self.phone(number).take_in(
            ReceivedText(from_number, to_numbers, text, attachments, self._clock.now())
        )

    def _obey_keyword(self, from_number: str, own_number: str, text: str) -> None:
        status = read_keyword(text)
        if status is None:
            return
        self._consents.record(own_number, from_number, status, "Recipient")
        confirmation = ReceivedText(
            own_number,
            (from_number,),
            CONFIRMATIONS[status],
            (),
            self._clock.now(),
            is_automatic=True,
        )
        self.phone(from_number).take_in(confirmation)
