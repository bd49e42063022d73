"""What waits, counted."""

from __future__ import annotations

from sqlmodel import Session, col, func, select

from storage.deliveries import is_unsettled
from storage.tables import OPEN_STATES, Delivery


def count_open_deliveries(session: Session) -> dict[tuple[str, str], int]:
    """How many deliveries are not settled, by side and kind."""
    query = (
        select(Delivery.side, Delivery.kind, func.count())
        .where(is_unsettled(), col(Delivery.state).in_(OPEN_STATES))
        .group_by(Delivery.side, Delivery.kind)
    )
    return {(side, kind): count for side, kind, count in session.exec(query)}
