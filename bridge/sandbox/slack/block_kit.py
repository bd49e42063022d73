"""Block Kit as a table: which keys and elements each part takes, and how long they may be.

Limits are those of the fact sheet, 4.2. Newer blocks (card, carousel, plan, ...) are refused:
they do not exist on GovSlack and on older phones, so nothing here may come to rest on them.
"""

from __future__ import annotations

MESSAGE_BLOCK_LIMIT = 50
VIEW_BLOCK_LIMIT = 100
BLOCKS_CHARACTER_LIMIT = 13_200
VIEW_BYTE_LIMIT = 250_000
MARKDOWN_LIMIT = 12_000

SELECTS = {
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
}
MULTI_SELECTS = {f"multi_{name}" for name in SELECTS}
PICKERS = {"datepicker", "timepicker", "datetimepicker"}
CHOICES = {"checkboxes", "radio_buttons"}
TEXT_INPUTS = {"plain_text_input", "email_text_input", "url_text_input", "number_input"}

IN_ACTIONS = SELECTS | PICKERS | CHOICES | {"button", "overflow", "workflow_button"}
IN_SECTION = IN_ACTIONS | MULTI_SELECTS | {"image"}
IN_INPUT = (
    SELECTS | MULTI_SELECTS | PICKERS | CHOICES | TEXT_INPUTS | {"file_input", "rich_text_input"}
)
IN_CONTEXT = {"plain_text", "mrkdwn", "image"}

BLOCK_KEYS: dict[str, set[str]] = {
    "section": {"text", "fields", "accessory", "expand"},
    "divider": set(),
    "image": {"image_url", "slack_file", "alt_text", "title"},
    "actions": {"elements"},
    "context": {"elements"},
    "header": {"text"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
    "rich_text": {"elements"},
    "markdown": {"text"},
    "video": {
        "alt_text", "author_name", "description", "provider_icon_url", "provider_name",
        "thumbnail_url", "title", "title_url", "video_url",
    },
    "table": {"rows", "column_settings"},
}  # fmt: skip
MESSAGE_ONLY = {"markdown", "table"}

PICK = {"confirm", "focus_on_load", "placeholder"}
TEXT_KEYS = {"dispatch_action_config", "focus_on_load", "initial_value", "placeholder"}
ELEMENT_KEYS: dict[str, set[str]] = {
    "button": {"text", "url", "value", "style", "confirm", "accessibility_label"},
    "workflow_button": {"text", "workflow", "style", "accessibility_label"},
    "image": {"image_url", "slack_file", "alt_text"},
    "overflow": {"options", "confirm"},
    "static_select": PICK | {"options", "option_groups", "initial_option"},
    "external_select": PICK | {"initial_option", "min_query_length"},
    "users_select": PICK | {"initial_user"},
    "channels_select": PICK | {"initial_channel", "response_url_enabled"},
    "conversations_select": PICK
    | {"initial_conversation", "default_to_current_conversation", "filter", "response_url_enabled"},
    "multi_static_select": PICK
    | {"options", "option_groups", "initial_options", "max_selected_items"},
    "multi_external_select": PICK | {"initial_options", "min_query_length", "max_selected_items"},
    "multi_users_select": PICK | {"initial_users", "max_selected_items"},
    "multi_channels_select": PICK | {"initial_channels", "max_selected_items"},
    "multi_conversations_select": PICK
    | {"initial_conversations", "default_to_current_conversation", "filter", "max_selected_items"},
    "datepicker": PICK | {"initial_date"},
    "timepicker": PICK | {"initial_time", "timezone"},
    "datetimepicker": {"confirm", "focus_on_load", "initial_date_time"},
    "checkboxes": {"options", "initial_options", "confirm", "focus_on_load"},
    "radio_buttons": {"options", "initial_option", "confirm", "focus_on_load"},
    "plain_text_input": TEXT_KEYS | {"multiline", "min_length", "max_length"},
    "email_text_input": TEXT_KEYS,
    "url_text_input": TEXT_KEYS,
    "number_input": TEXT_KEYS | {"is_decimal_allowed", "min_value", "max_value"},
    "file_input": {"filetypes", "max_files", "focus_on_load"},
    "rich_text_input": TEXT_KEYS | {"min_lines", "max_lines"},
}

REQUIRED: dict[str, tuple[str, ...]] = {
    "actions": ("elements",),
    "context": ("elements",),
    "header": ("text",),
    "input": ("label", "element"),
    "rich_text": ("elements",),
    "markdown": ("text",),
    "image": ("alt_text",),
    "video": ("alt_text", "thumbnail_url", "title", "video_url"),
    "table": ("rows",),
    "button": ("text",),
    "overflow": ("options",),
    "checkboxes": ("options",),
    "radio_buttons": ("options",),
    "number_input": ("is_decimal_allowed",),
}

# Length limits of text objects and of plain strings, by owner and key.
TEXT_LIMITS: dict[tuple[str, str], int] = {
    ("section", "text"): 3000,
    ("header", "text"): 150,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("image", "title"): 2000,
    ("video", "title"): 200,
    ("button", "text"): 75,
    ("workflow_button", "text"): 75,
    ("*", "placeholder"): 150,
}
STRING_LIMITS: dict[tuple[str, str], int] = {
    ("*", "block_id"): 255,
    ("*", "action_id"): 255,
    ("button", "value"): 2000,
    ("button", "url"): 3000,
    ("button", "accessibility_label"): 75,
    ("image", "image_url"): 3000,
    ("image", "alt_text"): 2000,
    ("markdown", "text"): MARKDOWN_LIMIT,
}
OPTION_LIMITS: dict[str, tuple[int, int]] = {
    "static_select": (1, 100),
    "multi_static_select": (1, 100),
    "overflow": (1, 5),
    "checkboxes": (1, 10),
    "radio_buttons": (1, 10),
}
ELEMENT_LIMITS = {"actions": 25, "context": 10}
OPTION_TEXT_LIMIT = 75
OPTION_VALUE_LIMIT = 150
FIELD_LIMIT, FIELD_COUNT_LIMIT = 2000, 10
PLAIN_TEXT_ONLY = {
    ("header", "text"),
    ("input", "label"),
    ("input", "hint"),
    ("image", "title"),
    ("video", "title"),
    ("button", "text"),
    ("workflow_button", "text"),
    ("*", "placeholder"),
}

RICH_TEXT_PARTS = {
    "rich_text_section": {"elements"},
    "rich_text_preformatted": {"elements", "border", "language"},
    "rich_text_quote": {"elements", "border"},
    "rich_text_list": {"elements", "style", "indent", "offset", "border"},
}
RICH_TEXT_ELEMENTS = {
    "text": {"text", "style"},
    "link": {"url", "text", "unsafe", "style"},
    "emoji": {"name", "unicode", "style"},
    "user": {"user_id", "style"},
    "usergroup": {"usergroup_id", "style"},
    "channel": {"channel_id", "style"},
    "broadcast": {"range", "style"},
    "date": {"timestamp", "format", "url", "fallback", "style"},
    "color": {"value", "style"},
}
RICH_TEXT_REQUIRED = {
    "text": "text",
    "link": "url",
    "emoji": "name",
    "user": "user_id",
    "usergroup": "usergroup_id",
    "channel": "channel_id",
    "broadcast": "range",
    "date": "timestamp",
    "color": "value",
}
