"""Whether a store shows a text that was sent: what carriers change, and what they never do."""

import pytest

from bridge.relay.echoes import fits, is_another

SENT = "Your table is ready at 7"
WATERMARKED = "Test SMS using a RingCentral Developer account - "


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        (SENT, SENT),
        (WATERMARKED + SENT, SENT),
        ("An unknown mark in front: " + SENT, SENT),
        ("Your table is", SENT),
        ("YOUR TABLE IS READY AT 7", SENT),
        ("??? ????? ??", "Привет, стол готов"),
        ("", "A picture's words"),
        ("Yes", "No"),
        ("No, not today", "Yes"),
        ("Yes", "No, not today"),
        ("\N{THUMBS UP SIGN}", "\N{WAVING HAND SIGN}"),
        ("Your order has left", SENT),
    ],
)
def test_what_may_be_ours_is_not_called_another(shown: str, sent: str) -> None:
    """In doubt it may be: a text that is taken for another's is sent again."""
    assert not is_another(shown, sent)


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("We are closed on Monday", SENT),
        (WATERMARKED + "We are closed on Monday", SENT),
        ("From my mobile", "Until 6 pm"),
    ],
)
def test_what_shares_no_word_is_another(shown: str, sent: str) -> None:
    """Of several plain words a carrier leaves at least one."""
    assert is_another(shown, sent)
    assert not fits(shown, sent)
