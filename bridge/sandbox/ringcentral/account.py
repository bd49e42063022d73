"""The simulated company: extensions, numbers, apps and logins, as plain data a test may change."""

from __future__ import annotations

import dataclasses

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
JWT = "sandbox-jwt"
JWT_ELI = "sandbox-jwt-eli"

MAIN_NUMBER = "+16505550100"
NUMBER = "+16505550101"
ELI_NUMBER = "+16505550102"
DISABLED_NUMBER = "+16505550103"
FROZEN_NUMBER = "+16505550104"
PENDING_NUMBER = "+16505550105"
QUEUE_NUMBER = "+16505550120"
SITE_NUMBER = "+16505550130"
FAX_NUMBER = "+16505550140"
TOLL_FREE_NUMBER = "+18885550150"

ALL_SCOPES = frozenset(
    {
        "SMS",
        "ReadMessages",
        "EditMessages",
        "ReadAccounts",
        "SubscriptionWebhook",
        "WebSocket",
        "WebSocketsSubscription",
    }
)
ALL_PERMISSIONS = frozenset(
    {
        "OutboundSMS",
        "ReadMessages",
        "ReadMessageContent",
        "EditMessages",
        "ReadUserPhoneNumbers",
        "ReadCompanyPhoneNumbers",
        "ReadExtensions",
        "ReadCompanyInfo",
    }
)


@dataclasses.dataclass
class App:
    """An application registered in the developer console."""

    client_id: str
    client_secret: str
    scopes: set[str] = dataclasses.field(default_factory=lambda: set(ALL_SCOPES))
    issues_refresh_tokens: bool = True


@dataclasses.dataclass
class Extension:
    """A user, call queue (Department) or site; `manager_ids` may read a queue's texts."""

    extension_id: int
    number: str
    name: str
    type: str = "User"
    status: str = "Enabled"
    is_admin: bool = False
    permissions: set[str] = dataclasses.field(default_factory=lambda: set(ALL_PERMISSIONS))
    manager_ids: set[int] = dataclasses.field(default_factory=set)
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@dataclasses.dataclass
class PhoneNumber:
    """One of the company's numbers.

    `extension_id` is the resource that owns it (None for company numbers), `sms_holder_ids` the
    extensions that have its SMS features, `features` what the number itself can do.
    """

    number_id: int
    phone_number: str
    usage_type: str
    extension_id: int | None = None
    sms_holder_ids: set[int] = dataclasses.field(default_factory=set)
    features: set[str] = dataclasses.field(
        default_factory=lambda: {"CallerId", "SmsSender", "MmsSender"}
    )
    type: str = "VoiceFax"
    status: str = "Normal"
    payment_type: str = "Local"
    label: str = ""
    campaign_status: str | None = "Confirmed"

    @property
    def is_toll_free(self) -> bool:
        return self.payment_type == "TollFree"


@dataclasses.dataclass
class Account:
    """The company with everything in it; changes take effect with the next request."""

    account_id: int
    name: str
    extensions: list[Extension]
    numbers: list[PhoneNumber]
    jwts: dict[str, int]
    international_sms: bool = False
    mms: bool = True
    toll_free_sms: bool = True
    blocked_numbers: set[str] = dataclasses.field(default_factory=set)

    def extension(self, number_or_id: str | int) -> Extension:
        """By extension number ("101") or id; raises KeyError."""
        found = self.get_extension(number_or_id)
        if found is None:
            raise KeyError(f"no extension {number_or_id}")
        return found

    def get_extension(self, number_or_id: str | int) -> Extension | None:
        wanted = str(number_or_id)
        for extension in self.extensions:
            if wanted in (extension.number, str(extension.extension_id)):
                return extension
        return None

    def number(self, phone_number: str) -> PhoneNumber:
        """By E.164; raises KeyError."""
        found = self.get_number(phone_number)
        if found is None:
            raise KeyError(f"no number {phone_number}")
        return found

    def get_number(self, phone_number: str) -> PhoneNumber | None:
        for number in self.numbers:
            if number.phone_number == phone_number:
                return number
        return None

    def store_owner(self, number: PhoneNumber) -> Extension | None:
        """Whose message store holds this number's texts; None where no one receives them.

        A user's or a queue's own number: its store. A company or site number: the store of the
        one extension that has its SMS feature.
        """
        owner = self.get_extension(number.extension_id) if number.extension_id else None
        if owner is not None and owner.type in {"User", "Department"}:
            return owner
        for holder_id in sorted(number.sms_holder_ids):
            return self.get_extension(holder_id)
        return None

    def sees(self, extension: Extension, number: PhoneNumber) -> bool:
        """Whether the number is on the extension's own list of numbers."""
        shared = number.extension_id is None and number.usage_type != "DirectNumber"
        return (
            shared
            or number.extension_id == extension.extension_id
            or extension.extension_id in number.sms_holder_ids
        )

    def features_for(self, extension: Extension, number: PhoneNumber) -> list[str]:
        """The number's features in this extension's hands: SMS only for who has been given it."""
        holds = extension.extension_id in number.sms_holder_ids and number.status == "Normal"
        return sorted(
            name
            for name in number.features
            if holds or not name.endswith(("SmsSender", "MmsSender"))
        )

    def may_read_store_of(self, reader: Extension, owner: Extension) -> bool:
        return reader is owner or reader.is_admin or reader.extension_id in owner.manager_ids


def default_account() -> Account:
    """The company every test starts with; see the package's docstring for who is who."""
    dana = Extension(3744101004, "101", "Dana", is_admin=True, first_name="Dana")
    dana.email = "dana@example.com"
    eli = Extension(3744102004, "102", "Eli", first_name="Eli", email="eli@example.com")
    rita = Extension(3744103004, "103", "Rita", status="Disabled", first_name="Rita")
    fred = Extension(3744104004, "104", "Fred", status="Frozen", first_name="Fred")
    front_desk = Extension(3744201004, "201", "Front desk", type="Department")
    oakland = Extension(3744301004, "301", "Oakland", type="Site")
    front_desk.manager_ids.add(dana.extension_id)
    return Account(
        account_id=3744000004,
        name="Sandbox Inc.",
        extensions=[dana, eli, rita, fred, front_desk, oakland],
        numbers=_default_numbers(dana, eli, rita, fred, front_desk, oakland),
        jwts={JWT: dana.extension_id, JWT_ELI: eli.extension_id},
    )


def _default_numbers(
    dana: Extension,
    eli: Extension,
    rita: Extension,
    fred: Extension,
    front_desk: Extension,
    oakland: Extension,
) -> list[PhoneNumber]:
    def direct(number_id: int, phone_number: str, owner: Extension) -> PhoneNumber:
        holders = {owner.extension_id}
        return PhoneNumber(number_id, phone_number, "DirectNumber", owner.extension_id, holders)

    dana_only = {dana.extension_id}
    elis = direct(8123002004, ELI_NUMBER, eli)
    elis.features = {"CallerId", "SmsSender"}
    pending = direct(8123005004, PENDING_NUMBER, dana)
    pending.status, pending.campaign_status = "Pending", None
    voice_only = {"CallerId"}
    return [
        direct(8123001004, NUMBER, dana),
        elis,
        direct(8123003004, DISABLED_NUMBER, rita),
        direct(8123004004, FROZEN_NUMBER, fred),
        pending,
        PhoneNumber(8123000004, MAIN_NUMBER, "MainCompanyNumber", features=voice_only),
        PhoneNumber(
            8123020004,
            QUEUE_NUMBER,
            "DirectNumber",
            front_desk.extension_id,
            set(dana_only),
            {"CallerId", "SmsSender"},
        ),
        PhoneNumber(8123030004, SITE_NUMBER, "CompanyNumber", oakland.extension_id, set(dana_only)),
        PhoneNumber(
            8123040004, FAX_NUMBER, "CompanyFaxNumber", features={"CallerId"}, type="FaxOnly"
        ),
        PhoneNumber(
            8123050004,
            TOLL_FREE_NUMBER,
            "CompanyNumber",
            None,
            set(dana_only),
            {"CallerId", "SmsSender"},
            payment_type="TollFree",
        ),
    ]


def default_apps() -> list[App]:
    return [App(CLIENT_ID, CLIENT_SECRET)]
