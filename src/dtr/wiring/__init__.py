"""The roof: settings in, running parts out. Builds everything by constructor calls, and nothing else does.

    serve ──> startup.prepare, once ──> supervise ──> worker.work, in each worker process
    operator ──> the same parts, for commands that run beside the server

| module | holds |
| --- | --- |
| `parts` | the services, from database to token checker |
| `entrance` | the doors, as one ASGI application, and the fast lane |
| `control_plane` | the rooms' API as one FastAPI application |
| `records` | settings that change at run time, the activity log, the audit chain |
| `database_note` | the note in the data directory about its database |
| `replica` | what this replica says of itself |
| `startup` | what happens once before the first request |
| `worker` | one worker process from fork to stop |
"""

from dtr.wiring.parts import Parts, operator
from dtr.wiring.server import serve

__all__ = ["Parts", "operator", "serve"]
