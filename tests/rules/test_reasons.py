"""Failure codes in words: every documented code has its sentence, none is told twice alike."""

from __future__ import annotations

import pytest

from bridge.relay import reasons

SEND_CODES = [
    f"{source}-{number}"
    for source, numbers in {
        "CMN": "101 102 301 302 310 401 406 408 414 419",
        "BIL": "103",
        "MSG": (
            "240 241 242 243 245 246 247 290 304 305 309 310 314 324 331 333 337 338 347 348 365"
            " 367 376 379 380 381 383 384 388 397 403 427"
        ),
    }.items()
    for number in numbers.split()
]
DELIVERY_CODES = [
    f"SMS-{source}-{number}"
    for source, numbers in {
        "RC": "403 410 413 430 500 501 503 504",
        "UP": "410 413 414 430 431 432 433 500",
        "CAR": "104 199 400 410 411 412 413 414 430 431 432 433 434 435 450 451 452 460 461 500",
    }.items()
    for number in numbers.split()
]
OWN_CODES = ["guest", "stranger", "robot", "deactivated", "empty", "too_long", "files", "stale"]


@pytest.mark.parametrize("code", [*SEND_CODES, *DELIVERY_CODES, *OWN_CODES])
def test_every_code_is_explained(code: str) -> None:
    """Each code that the carrier documents, and each of ours, says what happened in a sentence."""
    assert code in reasons.REASONS
    reason = reasons.explain(code)
    assert reason.sentence.endswith(".")
    assert reason.sentence[0].isupper()
    assert not reason.remedy or reason.remedy.endswith(".")


def test_an_unknown_code_is_named() -> None:
    """A code that nobody documented is told as it is, so that somebody can look it up."""
    assert "XYZ-999" in reasons.explain("XYZ-999").sentence


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("MSG-367", True),
        ("SMS-RC-413", True),
        ("guest", False),
        ("MSG-247", False),
        ("stale", True),
    ],
)
def test_what_can_be_retried(code: str, may: bool) -> None:
    """Retry is offered where somebody can mend something, not where it must fail again."""
    assert reasons.may_be_retried(code) is may
