"""RingCentral's refusals: status, code and the three shapes in which errors are written."""

from __future__ import annotations

from typing import Any

# code -> (HTTP status, legacy word at the top level or "" for the code itself, message)
CODES: dict[str, tuple[int, str, str]] = {
    "BIL-103": (403, "", "The feature is not available in the current service plan"),
    "CMN-101": (400, "InvalidParameter", "Parameter [{parameter}] value is invalid."),
    "CMN-102": (404, "", "Resource for parameter [{parameter}] is not found"),
    "CMN-103": (400, "InvalidParameter", "JSON can't be parsed."),
    "CMN-104": (400, "InvalidParameter", "Cannot parse request"),
    "CMN-106": (400, "", "Batch request is limited to {detail} entries"),
    "CMN-107": (416, "", "Requested Range Not Satisfiable"),
    "CMN-120": (404, "", "Invalid URI"),
    "CMN-202": (501, "", "Operation is not supported"),
    "CMN-301": (429, "", "Request rate exceeded"),
    "CMN-401": (
        403,
        "InsufficientPermissions",
        "In order to call this API endpoint, application needs to have [{detail}] permission",
    ),
    "CMN-405": (401, "", "Login to extension required."),
    "CMN-406": (400, "InvalidParameter", "Duplicate value for parameter [{parameter}]: {detail}"),
    "CMN-408": (
        403,
        "InsufficientPermissions",
        "In order to call this API endpoint, user needs to have [{detail}] permission",
    ),
    "CMN-414": (400, "InvalidParameter", "Parameter [{parameter}] value is not a phone number"),
    "CMN-419": (
        403,
        "InsufficientPermissions",
        "In order to act for another extension, the extended scope is needed",
    ),
    "MSG-240": (403, "InternationalProhibited", "International SMS is not allowed: {detail}"),
    "MSG-241": (403, "", "Cannot send SMS from Fax number"),
    "MSG-242": (403, "FeatureNotAvailable", "Sending SMS is not available from the number"),
    "MSG-243": (400, "", "Phone number is blocked"),
    "MSG-245": (400, "InvalidParameter", "Cannot find the phone number which belongs to user"),
    "MSG-246": (400, "InvalidParameter", "Extension numbers are not allowed: [{parameter}]"),
    "MSG-247": (400, "InvalidParameter", "Short numbers are not allowed: [{parameter}]"),
    "MSG-314": (403, "", "Extension is of inappropriate type"),
    "MSG-333": (400, "", "Invalid message synchronisation: full synchronization is required"),
    "MSG-338": (400, "", "Message size limit exceeded"),
    "MSG-347": (400, "", "Attachment body is empty"),
    "MSG-348": (415, "", "Unsupported attachment media type"),
    "MSG-365": (400, "InvalidParameter", "Country [{parameter}] is invalid"),
    "MSG-367": (403, "", "Phone number doesn't have permission to send SMS"),
    "MSG-376": (400, "", "Attachments size limit exceeded"),
    "MSG-379": (400, "", "Number of attachments exceeds the limit: [10]"),
    "MSG-380": (403, "", "MMS sending is not available from the number"),
    "MSG-381": (400, "", "Exceeded maximum number of recipients for a Group MMS: [10]"),
    "MSG-384": (403, "", "Account limits are exceeded"),
    "MSG-390": (400, "InvalidParameter", "conversationId and type exclude each other"),
    "MSG-397": (403, "", "Sending SMS from a Toll-Free number is not available"),
    "MSG-403": (403, "", "International SMS from a Toll-Free number is not allowed"),
    "MSG-411": (400, "", "Parameter [syncToken] is invalid"),
    "SUB-405": (403, "", "Not allowed subscribe for messages to other extensions"),
    "SUB-406": (403, "", "Not allowed subscribe for events to extensions of other account"),
    "SUB-408": (403, "", "Not allowed subscribe for unknown user"),
    "SUB-505": (403, "", "Subscriptions limit exceeded"),
    "SUB-507": (404, "", "Subscription with key [{detail}] was expired"),
    "SUB-508": (400, "", "Invalid event filters: [{detail}]"),
    "SUB-511": (405, "", "Action not allowed for this transport"),
    "SUB-516": (400, "", "Reminder parameters are invalid: {detail}"),
    "SUB-520": (400, "", "Validation-Token header is not returned by {detail}"),
    "SUB-521": (400, "", "WebHook is not reachable: {detail}"),
    "SUB-523": (400, "", "HTTPS is required for the WebHook address"),
    "SUB-525": (400, "", "WebHook response is invalid: {detail}"),
    "OAU-128": (401, "", "Access token expired."),
    "OAU-129": (401, "", "Access token corrupted."),
    "OAU-149": (401, "", "Unparsable access token"),
    "OAU-151": (401, "", "Authorization method not supported"),
    "OAU-213": (401, "", "Token not found"),
    "OAU-236": (403, "", "Extension is disabled or frozen"),
}


class Refusal(Exception):
    """An answer that is not the one asked for; `Refusal("MSG-245", parameter="from")`."""

    def __init__(
        self,
        code: str,
        *,
        parameter: str = "",
        detail: str = "",
        status: int | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        usual_status, word, template = CODES[code]
        self.code = code
        self.status = status or usual_status
        self.headers = headers or {}
        self.message = template.format(parameter=parameter, detail=detail)
        self._word = word or code
        self._parameter = parameter
        self._extra = extra or {}
        super().__init__(f"{code}: {self.message}")

    def body(self) -> dict[str, Any]:
        """The error as the platform writes it: a legacy word on top, the codes in `errors`."""
        named = {"parameterName": self._parameter} if self._parameter else {}
        error = {"errorCode": self.code, "message": self.message, **named, **self._extra}
        return {
            "errorCode": self._word,
            "message": self.message,
            "errors": [error],
            **named,
            **self._extra,
        }


class OAuthRefusal(Refusal):
    """A refusal of the token endpoints: the platform's errors plus RFC 6749's two members."""

    def __init__(self, error: str, code: str, description: str) -> None:
        Exception.__init__(self, f"{error}: {code}")
        self.code, self.status, self.headers = code, 400, {}
        self.message, self._error = description, error

    def body(self) -> dict[str, Any]:
        return {
            "error": self._error,
            "error_description": self.message,
            "errors": [{"errorCode": self.code, "message": self.message}],
        }


class DirectoryRefusal(Refusal):
    """A refusal of the company directory, which has codes and a shape of its own."""

    def __init__(self, code: str, status: int, message: str, parameter: str = "") -> None:
        Exception.__init__(self, f"{code}: {message}")
        self.code, self.status, self.headers, self.message = code, status, {}, message
        self._parameter = parameter

    def body(self) -> dict[str, Any]:
        named = {"parameterName": self._parameter} if self._parameter else {}
        return {"errors": [{"errorCode": self.code, "message": self.message, **named}]}
