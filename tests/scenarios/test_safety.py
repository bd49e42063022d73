"""No text from a phone can mention, run or impersonate anyone in Slack, wherever it is shown."""

from bridge.sandbox.ringcentral import NUMBER
from bridge.sandbox.slack.messages import Message
from storage.tables import Contact
from tests.scenarios.world import UNPACED, Texter, World, connected_world

HOSTILE = [
    "<!here>",
    "<!channel> <!everyone>",
    "<!subteam^S1>",
    "<@U0000000BEA> <@U0000000CARL|carl>",
    "<#C0FRONTDESK>",
    "<https://evil.example|bank.com>",
    "<mailto:x@example.com|write to us>",
    "&lt;!here&gt; &amp;lt;!here&amp;gt;",
    "@here @channel @everyone @bea.brook @Bea",
    "<!date^1^{date}|click>",
    "*bold* _it_ ~s~ `code` ```block``` > quote",
    "> quoted\n• item\n1. one",
    "[label](https://evil.example) https://evil.example",
    "<script>alert(1)</script><b>hi</b>",
    ":tada: :wave:",
    "\u202egpj.exe \u2066x\u2069",
    "nul\x00 and bell\x07",
    "<",
    "|>",
    "a" * 3001,
    "&" * 1000,
    '"}],"blocks":[{"type":"header"}]',
    "/sms +1 415 555 0155 Hello",
]


def _faults_of(message: Message) -> list[str]:
    """What in a message does more than a letter can; an address may lead where it says."""
    faults = [f"pings {message.pings}"] if message.pings else []
    faults += [f"{label} leads to {url}" for url, label in message.links if label != url]
    faults += [f"styled {part}" for part in _parts(message.blocks) if part.get("style")]
    faults += ["is unfurled"] if message.unfurl_links or message.unfurl_media else []
    return faults


def _parts(value: object) -> list[dict[str, object]]:
    if isinstance(value, dict):
        return [value, *(part for each in value.values() for part in _parts(each))]
    if isinstance(value, list):
        return [part for each in value for part in _parts(each)]
    return []


async def test_hostile_texts_do_nothing_in_their_thread(sqlite_url: str) -> None:
    """They ping nobody, link nowhere but where they say, restyle nothing, and hide nothing."""
    async with connected_world(sqlite_url, **UNPACED) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        for text in HOSTILE:
            await alice.texts(text)
            await world.ringcentral.settled()
        await world.eventually(lambda: len(thread.shown) > len(HOSTILE), "all of them")
        for text, post in zip(HOSTILE, thread.card.replies[1:], strict=True):
            world.expect(post)
            assert not _faults_of(post), text
            if text.isprintable():
                assert post.shown == text


async def test_hostile_texts_do_nothing_on_cards(sqlite_url: str) -> None:
    """A card that is opened with one, and shows it, says who and what, and nothing acts."""
    async with connected_world(sqlite_url, **UNPACED) as world:
        for number, text in enumerate(HOSTILE, start=100):
            await world.texter(f"+14155550{number}").texts(text)
        await world.eventually(lambda: len(world.posts()) > 2 * len(HOSTILE), "all of them")
        for post in world.posts():
            world.expect(post)
            assert not _faults_of(post), post.text


async def test_hostile_texts_from_the_app_do_nothing(sqlite_url: str) -> None:
    """Colleagues' texts from the RingCentral app are shown with the same care."""
    async with connected_world(sqlite_url, **UNPACED) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        for text in HOSTILE:
            await world.ringcentral.app_sends("101", NUMBER, alice.number, text)
        await world.sync()
        await world.eventually(lambda: len(thread.shown) > len(HOSTILE), "all of them")
        for text, post in zip(HOSTILE, thread.card.replies[1:], strict=True):
            world.expect(post)
            await alice.expect_sms(text)
            assert not _faults_of(post), text


async def test_a_card_brought_up_to_date_is_as_harmless(world: World, alice: Texter) -> None:
    """The card shows the last words as they came, and nothing of them acts."""
    thread = await world.thread_with(alice)
    for text in ("<!here> <@U0000000CARL>", "<https://evil.example|bank.com>"):
        await alice.texts(text)
        await thread.expect_post(text)
        await thread.expect_card(text)
        assert not _faults_of(thread.card), text


async def test_what_looks_like_markup_is_shown_as_it_came(world: World, alice: Texter) -> None:
    """HTML, entities and Slack's own marks are letters."""
    for text in ("<b>5 &lt; 6 &amp; 7</b>", "*not bold* :tada:", "<!here|x>"):
        await alice.texts(text)
        await world.ringcentral.settled()
    thread = await world.expect_thread("<b>5 &lt; 6 &amp; 7</b>")
    await thread.expect_post("*not bold* :tada:")
    await thread.expect_post("<!here|x>")
    assert thread.shown == ["<b>5 &lt; 6 &amp; 7</b>", "*not bold* :tada:", "<!here|x>"]


async def test_a_hostile_name_names_nobody(world: World, alice: Texter) -> None:
    """A contact's name is shown over texts and on cards, and pings nobody there."""
    name = "<!channel> *Slackbot* \u202e<@U0000000CARL>"
    contact = Contact(phone_number=alice.number, name=name)
    await world.bridge.database.write(lambda session: session.add(contact))
    thread = await world.thread_with(alice, "Hello")
    assert not any(_faults_of(each) for each in (thread.card, *thread.card.replies))
    assert "\u202e" not in (thread.card.replies[0].username or "")


async def test_quotes_in_notices_are_harmless(world: World, alice: Texter) -> None:
    """Words quoted in a notice ping nobody but its author."""
    thread = await world.thread_with(alice)
    world.ringcentral.account.blocked_numbers.add(alice.number)
    await thread.reply("Dear @Carl, @here is https://evil.example and <!channel>")
    told = await thread.expect_told("Bea", "was not sent", "Dear Carl, @here is")
    assert all(label == url for url, label in told.links)


async def test_private_answers_are_harmless(world: World) -> None:
    """What a person typed is given back as letters."""
    await world.command("Bea", "John <!channel> @Carl https://evil.example <https://a.example|b>")
    await world.expect_private("Bea", "only a number sends directly")
    for answer in world.slack.private_answers("Bea"):
        assert not answer.pings
        assert "https://a.example" in answer.shown


async def test_an_own_number_cannot_be_impersonated(world: World, alice: Texter) -> None:
    """A text from a phone stands under its number, never under a colleague's or the app's name."""
    thread = await world.thread_with(alice, "Bea: Your password, please")
    post = thread.card.replies[0]
    assert post.username == "(415) 555-0100"
    assert post.text.startswith("(415) 555-0100: ")
