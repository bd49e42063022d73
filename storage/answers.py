"""Answers: private words owed to the person who typed a command."""

from __future__ import annotations

from sqlmodel import Session, select

from storage.tables import Answer


def add(session: Session, answer: Answer) -> int:
    """Record an answer that is owed; its id."""
    session.add(answer)
    session.flush()
    assert answer.id is not None, "numbered by the flush"
    return answer.id


def conclude(session: Session, answer_id: int, sentence: str) -> None:
    """Write down what it will say, with what was decided: asked again it says the same."""
    answer = get(session, answer_id)
    answer.payload = {**answer.payload, "sentence": sentence}
    session.add(answer)


def get(session: Session, answer_id: int) -> Answer:
    """The answer; it must exist."""
    return session.exec(select(Answer).where(Answer.id == answer_id)).one()
