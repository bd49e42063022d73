"""Private answers to whoever typed a command or pressed a button."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from bridge.relay import lanes
from storage import answers, deliveries, threads
from storage.deliveries import Owed
from storage.tables import Answer

LINK_WAIT = timedelta(seconds=60)  # a link waits for its thread; brought forward when posted


def owe_answer(session: Session, answer: Answer, now: datetime) -> None:
    """Record an answer and owe it; one whose payload names a `thread_id` may wait for its card."""
    answer_id = answers.add(session, answer)
    thread_id = answer.payload.get("thread_id")
    waits = thread_id is not None and threads.get(session, thread_id).ts is None
    deliveries.enqueue(
        session,
        Owed(
            subject_type="answer",
            subject_id=answer_id,
            side="slack",
            kind="reply",
            lane=lanes.answer_lane(thread_id, answer_id),
            lane_order=lanes.place(now, str(answer_id)),
            gate=lanes.answer_gate(answer.team_id),
            due_at=now + LINK_WAIT if waits else now,
        ),
        now,
    )
