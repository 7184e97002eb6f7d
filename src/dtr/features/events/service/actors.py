"""Who acts, by name: the records keep ids, which outlast names."""

from dtr.features.events.store import actors as store
from dtr.plumbing.db import Database


class Actors:
    """Finds accounts and robots."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def id_of(self, name_or_id: str) -> str:
        """Return the id of the account or robot of this name; what is no such name is taken for an id.

        So what somebody did can be found after they are gone. Tells nobody who there is: an id that nobody has, and one
        whose doings the caller may not see, both find nothing.
        """
        if not name_or_id:
            return ""
        name = name_or_id.lower()
        return await self._database.quick_read(lambda tx: store.find(tx, name)) or name_or_id
