"""What Slack's error codes mean for a delivery: one table, its default Unsure.

Source: the errors of the methods used here (reference, slack.md 4.3 and method-contracts.json).
"""

from __future__ import annotations

from typing import Literal, assert_never

from bridge.outbox.outcome import Accepted, CannotLook, Outcome, Refused, TryLater, Unsure
from bridge.slack.client import AnswerLost, Limited, NotReached, SlackProblem, SlackRefused

Meaning = Literal["done", "mend", "gone", "wait", "later", "refused", "unsure"]

# Over when the channel is unarchived, or the app invited, which Slack tells.
CHANNEL_AWAY = ("channel_not_found", "is_archived", "not_in_channel")
# An administrator can mend it, and waiting loses nothing.
_MEND = """
    access_denied accesslimited account_inactive app_access_restricted channel_is_limited_access
    channel_not_found ekm_access_denied enterprise_is_restricted external_channel_migrating
    invalid_auth is_archived is_inactive messages_tab_disabled missing_scope no_access no_permission
    not_allowed_token_type not_authed not_in_channel org_login_required posting_to_channel_denied
    restricted_action restricted_action_non_threadable_channel restricted_action_read_only_channel
    restricted_action_thread_locked restricted_action_thread_only_channel
    send_on_behalf_not_allowed team_access_not_granted team_not_found thread_locked token_expired
    token_revoked two_factor_setup_required unable_to_share_files user_disabled
"""
# The thread, or the message, is no longer there.
_GONE = "cannot_reply_to_message message_not_found thread_not_found"
_WAIT = "message_limit_exceeded rate_limited ratelimited"
# Slack says that nothing was done, and that asking again may help.
_LATER = "request_timeout service_unavailable team_added_to_org"
# It shows already what it was to show.
_DONE = "already_reacted no_reaction"
# May have partly succeeded, in Slack's own words.
_UNSURE = "fatal_error internal_error"
# The request itself is wrong: asking again cannot help.
_REFUSED = """
    as_user_not_supported attachment_payload_limit_exceeded bad_timestamp block_mismatch
    blocked_file_type cant_broadcast_message cant_update_message deprecated_endpoint
    draft_already_deleted draft_already_sent draft_has_conflict draft_not_found
    duplicate_channel_not_found duplicate_message_not_found edit_window_closed
    file_comment_not_found file_deleted file_is_deleted file_not_found file_share_limit_reached
    invalid_arg_name invalid_arguments invalid_array_arg invalid_attachments invalid_blocks
    invalid_blocks_format invalid_charset invalid_cursor invalid_form_data
    invalid_metadata_filter_keys invalid_metadata_format invalid_metadata_schema invalid_name
    invalid_post_type invalid_ts_latest invalid_ts_oldest invalid_user_combination
    list_record_comment_fetch_failed
    markdown_text_conflict max_file_sharing_exceeded metadata_must_be_sent_from_app
    metadata_too_large method_deprecated method_not_supported_for_channel_type missing_file_data
    missing_post_type msg_blocks_too_long msg_too_long no_dual_broadcast_content_update
    no_item_specified no_text not_enough_users not_reactable
    slack_connect_blocked_file_type slack_connect_canvas_sharing_blocked
    slack_connect_clip_sharing_blocked slack_connect_file_link_sharing_blocked
    slack_connect_file_upload_sharing_blocked slack_connect_lists_sharing_blocked
    streaming_state_conflict too_many_attachments too_many_contact_cards too_many_emoji
    too_many_reactions too_many_users update_failed user_not_found user_not_in_channel
    user_not_visible users_list_not_supplied
"""

MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(_MEND.split(), "mend"),
    **dict.fromkeys(_GONE.split(), "gone"),
    **dict.fromkeys(_WAIT.split(), "wait"),
    **dict.fromkeys(_LATER.split(), "later"),
    **dict.fromkeys(_DONE.split(), "done"),
    **dict.fromkeys(_UNSURE.split(), "unsure"),
    **dict.fromkeys(_REFUSED.split(), "refused"),
}

WAIT_SECONDS = 30.0  # a limit told by code alone comes without Retry-After


def outcome_of(problem: SlackProblem) -> Outcome:
    """What became of a delivery that ended in this problem."""
    if isinstance(problem, NotReached):
        return TryLater("slack_not_reached")
    if isinstance(problem, Limited):
        return TryLater("ratelimited", after_seconds=problem.after_seconds, closes_gate=True)
    if isinstance(problem, SlackRefused):
        return _outcome_of_code(problem.code)
    assert isinstance(problem, AnswerLost), "the four kinds of bridge.slack.client"
    return Unsure(problem.code)


def _outcome_of_code(code: str) -> Outcome:
    meaning = MEANINGS.get(code, "unsure")
    match meaning:
        case "done":
            return Accepted()
        case "mend":
            return TryLater(code, patient=True)
        case "gone":
            return Refused("thread_gone", code)
        case "wait":
            return TryLater(code, after_seconds=WAIT_SECONDS, closes_gate=True)
        case "later":
            return TryLater(code)
        case "refused":
            return Refused(code)
        case "unsure":
            return Unsure(code)
        case _:
            assert_never(meaning)


def cannot_look(problem: SlackProblem) -> CannotLook:
    """A look that ended in this problem."""
    after_seconds = problem.after_seconds if isinstance(problem, Limited) else None
    return CannotLook(problem.code, after_seconds)
