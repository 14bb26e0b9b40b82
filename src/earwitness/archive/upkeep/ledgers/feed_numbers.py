"""Numbers the changes that are committed, so that the feed has all that was answered before it is asked."""

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import integrating


def number_what_is_committed(archive: Archive) -> None:
    """Give a number to every change that is committed now, in short writes; none if all have one."""
    with archive.read() as connection:
        if not integrating.has_unnumbered(connection):
            return
        newest = integrating.newest(connection).row
    is_left = True
    while is_left:
        with archive.write(locked=False) as connection:  # it locks the counter
            integrating.number_changes(connection)
            is_left = integrating.has_unnumbered(connection, newest)
