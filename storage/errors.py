"""What the database can say other than what SQLAlchemy says.

DatabaseBusy      too much waits, or another process holds the file: try again later (503)
DatabaseClosed    it is closing or closed
Overtaken         another unit was faster, and this one saw it too late: it is run again
CommitUnknown     the connection was lost while committing: it may have been committed
UnitBroken        a unit did what a unit must not: a fault in our code
SchemaMismatch    the database and this code are of different versions
  DatabaseTooNew
  DatabaseTooOld
"""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class DatabaseBusy(Exception):
    """The database could not take the unit in time; nothing of it was done."""


class DatabaseClosed(Exception):
    """The database is closing; nothing of the unit was done."""


class Overtaken(Exception):
    """What the unit decided by was written meanwhile: nothing of it was done, it is run again."""


class CommitUnknown(Exception):
    """The connection was lost while committing: the unit may or may not have been done."""


class UnitBroken(Exception):
    """A unit committed, rolled back, or went on after a failed statement."""


class SchemaMismatch(Exception):
    """Its text is a sentence that names the remedy."""


class DatabaseTooNew(SchemaMismatch):
    """The database was migrated by a newer version of this program."""


class DatabaseTooOld(SchemaMismatch):
    """The database has not been migrated to this version."""


DATABASE_AWAY = (
    DatabaseBusy,
    DatabaseClosed,
    CommitUnknown,
    OperationalError,
    InterfaceError,
    InternalError,
    PoolTimeout,
)
"""What a unit raises where nothing is wrong with it: the same may work in a moment."""
