"""Statements that are built once, and that SQLite's driver runs itself.

SQLAlchemy takes 100 to 600 us of processor time to build a small statement, find its compiled form
and load or flush entities; the driver takes 2 us to run it. On the path of every text that is most
of what a text costs. So a hot query is written as a function of its values that gives a statement,
and decorated, which makes it a function of a session and the values:

    @one_or_none
    def get_by_ts(team_id: str, ts: str) -> SelectOfScalar[Thread]:
        return select(Thread).where(Thread.team_id == team_id, Thread.ts == ts)

    thread = get_by_ts(session, "T1", "1795430518.688649")

The function runs once, with a bind parameter for each value, so it cannot look at them: no
branches on them, and None compares as in SQL. A list of values is possible, in `in_`; its statement
is compiled once for each length. Entities come detached, as the database has them at this moment,
whatever the session has read before: a change to one is written if it is added to the session.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, wraps
from inspect import Parameter, signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from sqlalchemy import BindParameter, Delete, Select, Update, bindparam, inspect, update
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.orm import Mapper, attributes
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import Session, SQLModel
from sqlmodel.sql.expression import SelectOfScalar

from storage import driver
from storage.driver import Process

P = ParamSpec("P")
T = TypeVar("T")

Row = Sequence[Any]
_GIVEN = "given_"  # before a value's name, as an UPDATE keeps its columns' names for itself


def one(build: Callable[P, SelectOfScalar[T]]) -> Callable[Concatenate[Session, P], T]:
    """The only row; raises NoResultFound or MultipleResultsFound."""
    query = _Query[T](build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found = query.find(session, args, kwargs)
        if not found:
            raise NoResultFound("There is no such row.")
        return _only(found)

    return run


def one_or_none(
    build: Callable[P, SelectOfScalar[T]],
) -> Callable[Concatenate[Session, P], T | None]:
    """The only row, or None; raises MultipleResultsFound."""
    query = _Query[T](build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        found = query.find(session, args, kwargs)
        return _only(found) if found else None

    return run


def first(build: Callable[P, SelectOfScalar[T]]) -> Callable[Concatenate[Session, P], T | None]:
    """The first row, or None."""
    query = _Query[T](build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        found = query.find(session, args, kwargs)
        return found[0] if found else None

    return run


def every(build: Callable[P, SelectOfScalar[T]]) -> Callable[Concatenate[Session, P], list[T]]:
    """All rows."""
    query = _Query[T](build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        return query.find(session, args, kwargs)

    return run


def rows(
    build: Callable[P, Select[tuple[Any, ...]]],
) -> Callable[Concatenate[Session, P], list[Row]]:
    """All rows, each with its columns in order."""
    query = _Prepared(build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        return list(query.fetch(session, args, kwargs))

    return run


def rowcount(build: Callable[P, Update | Delete]) -> Callable[Concatenate[Session, P], int]:
    """How many rows were changed."""
    statement = _Prepared(build)

    @wraps(build)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> int:
        return statement.change(session, args, kwargs)

    return run


def changing(table: type[SQLModel]) -> Callable[[Session, int, Mapping[str, Any]], int]:
    """Changes of a row by its number: sets these columns, and tells whether there was one."""

    @lru_cache(maxsize=64)
    def prepare(names: tuple[str, ...]) -> _Prepared:
        def build(number: int, **values: Any) -> Update:
            return update(table).where(inspect(table).primary_key[0] == number).values(values)

        return _Prepared(build, ("number", *names))

    def run(session: Session, number: int, values: Mapping[str, Any]) -> int:
        return prepare(tuple(values)).change(session, (number, *values.values()), {})

    return run


def _only(found: list[T]) -> T:
    if len(found) > 1:
        raise MultipleResultsFound("There are several such rows.")
    return found[0]


@dataclass(frozen=True)
class _Compiled:
    """A statement for SQLite's driver.

    `plan` is a step for each of its parameters: the place of the value that is given, among the
    values with their lists written out, and what it goes through; or, where `place` is None, a
    value that is always the same. `reads` is what each column goes through; it is empty where all
    come as they are.
    """

    text: str
    plan: Sequence[tuple[int | None, Process | None, Any]]
    reads: Sequence[Process | None]

    def parameters(self, values: Sequence[Any]) -> list[Any]:
        return [
            same if place is None else values[place] if process is None else process(values[place])
            for place, process, same in self.plan
        ]

    def read(self, row: Row) -> Row:
        return [
            value if process is None else process(value)
            for process, value in zip(self.reads, row, strict=True)
        ]


class _Prepared:
    """A statement, built when it is first run."""

    def __init__(self, build: Callable[..., Any], names: tuple[str, ...] | None = None) -> None:
        self._build = build
        parameters = signature(build).parameters.values()
        self._names = names or tuple(each.name for each in parameters)
        self._defaults = {
            each.name: each.default for each in parameters if each.default is not Parameter.empty
        }
        self._given: dict[str, BindParameter[Any]] = {
            name: bindparam(_GIVEN + name, _Place(place), required=False)
            for place, name in enumerate(self._names)
        }
        self._compiled: dict[tuple[int, ...], _Compiled] = {}

    @cached_property
    def statement(self) -> Any:
        return self._build(**self._given)

    def change(self, session: Session, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
        session.flush()  # what it is about may still be pending in the session
        values, sqlite = self._values(args, kwargs), driver.sqlite_of(session)
        if sqlite is None:
            connection = driver.connection_of(session)
            return connection.execute(self.statement, self._named(values)).rowcount
        compiled, written_out = self._for_driver(values)
        return driver.run(sqlite, compiled.text, compiled.parameters(written_out)).rowcount

    def fetch(
        self, session: Session, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Row]:
        session.flush()
        values, sqlite = self._values(args, kwargs), driver.sqlite_of(session)
        if sqlite is None:
            return driver.connection_of(session).execute(self.statement, self._named(values)).all()
        compiled, written_out = self._for_driver(values)
        found = driver.run(sqlite, compiled.text, compiled.parameters(written_out)).fetchall()
        return [compiled.read(row) for row in found] if compiled.reads else found

    def _values(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        if len(args) == len(self._names):
            return args
        named = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs}
        if len(named) != len(self._names):
            raise TypeError(f"{self._build.__name__} takes {', '.join(self._names)}.")
        return [named[name] for name in self._names]

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        return {_GIVEN + name: value for name, value in zip(self._names, values, strict=True)}

    def _for_driver(self, values: Sequence[Any]) -> tuple[_Compiled, Sequence[Any]]:
        """The compiled statement, and the values with the lists among them written out."""
        lists = [values[place] for place in self._lists]
        lengths = tuple([len(each) for each in lists])
        compiled = self._compiled.get(lengths)
        if compiled is None:
            compiled = self._compiled[lengths] = self._compile(lengths)
        return compiled, [*values, *itertools.chain.from_iterable(lists)] if lists else values

    @cached_property
    def _lists(self) -> Sequence[int]:
        """The places of the values that are lists."""
        given = visitors.iterate(self.statement)
        keys = {each.key for each in given if isinstance(each, BindParameter) and each.expanding}
        return [place for place, name in enumerate(self._names) if _GIVEN + name in keys]

    def _compile(self, lengths: tuple[int, ...]) -> _Compiled:
        numbers = itertools.count(len(self._names))
        lists: dict[str, BindParameter[Any]] = {
            self._names[place]: bindparam(
                _GIVEN + self._names[place],
                [_Place(next(numbers)) for _ in range(length)],
                expanding=True,
            )
            for place, length in zip(self._lists, lengths, strict=True)
        }
        statement = self._build(**(self._given | lists))
        compiled = statement.compile(
            dialect=driver.DIALECT, compile_kwargs={"render_postcompile": True}
        )
        assert isinstance(compiled, SQLCompiler)
        plan = [self._step(compiled, name) for name in compiled.positiontup or ()]
        columns = getattr(statement, "selected_columns", ())
        reads = [driver.result_process(each.type) for each in columns]
        return _Compiled(str(compiled), plan, reads if any(reads) else ())

    def _step(self, compiled: SQLCompiler, name: str) -> tuple[int | None, Process | None, Any]:
        value = compiled.params[name]
        # an element of a list is named after it, with its number at the end
        named = name if name in compiled.binds else name.rpartition("_")[0]
        process = driver.bind_process(compiled.binds[named].type)
        if isinstance(value, _Place):
            return value.number, process, None
        return None, None, value if process is None else process(value)


@dataclass(frozen=True)
class _Place:
    """Stands for a value that is given, while its statement is compiled."""

    number: int


class _Query(_Prepared, Generic[T]):
    """A query for the entities of one table, or for one column."""

    def find(self, session: Session, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[T]:
        found = self.fetch(session, args, kwargs)
        if not found:
            return []
        load = self._loader
        return [cast(T, row[0] if load is None else load(row)) for row in found]

    @cached_property
    def _loader(self) -> Callable[[Row], object] | None:
        (described,) = self.statement.column_descriptions
        mapper = inspect(described["expr"], raiseerr=False)
        if not isinstance(mapper, Mapper):
            return None
        names = tuple(self.statement.selected_columns.keys())
        key_places = [names.index(each.name) for each in mapper.primary_key]

        def load(row: Row) -> object:
            """As the mapper would, and detached: it can be read, changed, and added again."""
            entity = mapper.class_manager.new_instance()
            entity.__dict__.update(zip(names, row, strict=True))
            key = tuple([row[place] for place in key_places])
            attributes.instance_state(entity).key = mapper.identity_key_from_primary_key(key)
            return entity

        return load
