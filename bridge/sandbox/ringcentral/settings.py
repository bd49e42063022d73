"""What can be adjusted in the simulated RingCentral, with RingCentral's own figures as defaults."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Limits and delays; spans are in seconds of the simulator's own clock unless said.

    `webhook_timeout_seconds` is machine time. Sources: the fact sheet's sections 1, 2, 4 and 5.
    """

    seed: int = 7

    # Rate limits: requests per window, user, app and usage group.
    rate_limits: bool = True
    rate_limit_scale: float = 1.0
    rate_limit_window_seconds: float = 60.0
    penalty_seconds: float = 60.0

    # OAuth
    max_sessions: int = 5
    refresh_grace_seconds: float = 10.0
    unused_refresh_grace_seconds: float = 3600.0
    websocket_token_seconds: float = 30.0

    # Messages
    sent_after_seconds: float = 0.05
    delivered_after_seconds: float | None = None
    visible_after_seconds: float = 0.0
    sync_overlap_seconds: float = 5.0
    sync_token_seconds: float = 30 * 86_400.0
    daily_send_limit: int | None = None
    wipe_allowed: bool = False

    # Notifications
    notification_delay_seconds: float = 0.0
    queue_events_to_recipients: bool = False
    webhook_timeout_seconds: float = 3.0
    webhook_response_limit_bytes: int = 1024
    blacklist_after_seconds: float = 600.0
    max_subscriptions: int = 30

    # WebSocket
    idle_timeout_seconds: float = 1800.0
    absolute_timeout_seconds: float = 86_400.0
    recovery_seconds: float = 180.0
    recovery_buffer_size: int = 100
    max_connections_per_session: int = 50
    max_active_requests: int = 10
