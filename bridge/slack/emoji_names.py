"""Slack's names for emoji, turned into the characters a phone shows."""

from __future__ import annotations

import re

import emoji

# Where Slack's names differ from those the emoji library knows as aliases.
_SLACK_NAMES = {
    "alphabet_white": "🔤",
    "email": "✉️",
    "first_place_medal": "🥇",
    "second_place_medal": "🥈",
    "third_place_medal": "🥉",
    "female-doctor": "👩‍⚕️",
    "male-doctor": "👨‍⚕️",
    "face_palm": "🤦",
    "face_with_cowboy_hat": "🤠",
    "flag-england": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "flag-scotland": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "flag-wales": "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "hand_with_index_and_middle_fingers_crossed": "🤞",
    "i_love_you_hand_sign": "🤟",
    "keycap_star": "*️⃣",
    "knife_fork_plate": "🍽️",
    "lightning": "🌩️",
    "medal": "🎖️",
    "rain_cloud": "🌧️",
    "shopping_trolley": "🛒",
    "simple_smile": "🙂",
    "smiling_face_with_3_hearts": "🥰",
    "spock-hand": "🖖",
    "the_horns": "🤘",
}
_FAMILY = {"man": "👨", "woman": "👩", "girl": "👧", "boy": "👦"}
_NAME = re.compile(r":(?P<name>[\w+'’&-]+):(?:(?::skin-tone-(?P<tone>[2-6])):)?")
_FLAG = re.compile(r"flag-([a-z])([a-z])")
_VARIATION = "\ufe0f"
_ZERO_WIDTH_JOINER = "\u200d"


def emoji_named(name: str, skin_tone: int | None = None) -> str | None:
    """The characters of an emoji by Slack's name, or None where it is the workspace's own.

    Skin tones are Slack's 2 (light) to 6 (dark).
    """
    found = _SLACK_NAMES.get(name) or _flag(name) or _family(name) or _aliased(name)
    return _toned(found, skin_tone) if found and skin_tone else found


def with_emoji(text: str) -> str:
    """Replace `:name:` by its emoji; names nobody knows stay as typed.

    Short names and numbers count only when they stand alone: 10:100:3 and std::x::y are no emoji.
    """
    parts = []
    done = start = 0
    while found := _NAME.search(text, start):
        near = text[max(done, found.start() - 4) : found.start()]
        within_word = _is_part_of_word(near, found)
        character = None if within_word else _character(found)
        start = found.end("name")
        if character is not None:
            parts += [text[done : found.start()], character]
            done = start = found.end()
    return "".join([*parts, text[done:]])


def _character(found: re.Match[str]) -> str | None:
    return emoji_named(found["name"], int(found["tone"]) if found["tone"] else None)


def _is_part_of_word(before: str, found: re.Match[str]) -> bool:
    name = found["name"]
    if not (name.isdecimal() or (len(name) < 3 and name.isalpha())):
        return False
    after = found.string[found.end() :][:1]
    return before.rstrip(":")[-1:].isalnum() or after.isalnum()


def _flag(name: str) -> str | None:
    found = _FLAG.fullmatch(name)
    if found is None:
        return None
    flag = "".join(chr(ord("🇦") + ord(letter) - ord("a")) for letter in found.groups())
    return flag if emoji.is_emoji(flag) else None


def _family(name: str) -> str | None:
    """A family such as man-woman-girl."""
    members = name.split("-")
    if len(members) < 2 or not all(member in _FAMILY for member in members):
        return None
    family = _ZERO_WIDTH_JOINER.join(_FAMILY[member] for member in members)
    return family if emoji.is_emoji(family) else None


def _aliased(name: str) -> str | None:
    plain = name.replace("-", "_")
    gendered = re.sub(r"^male_", "man_", re.sub(r"^female_", "woman_", plain))
    for alias in (name, plain, gendered, plain.removeprefix("large_")):
        written = f":{alias}:"
        found = emoji.emojize(written, language="alias")
        if found != written:
            return found
    return None


def _toned(character: str, skin_tone: int) -> str:
    """The emoji in a skin tone, or as it is where it has none."""
    tone = chr(0x1F3FB + skin_tone - 2)
    toned = character[0] + tone + character[1:].removeprefix(_VARIATION)
    return toned if emoji.is_emoji(toned) else character
