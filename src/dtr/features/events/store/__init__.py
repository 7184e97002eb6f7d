"""All SQL of the room.

| module | holds |
| --- | --- |
| `ranges` | pages that are merged from several ranges of indexes |
| `activity` | the rows of events |
| `audit` | the rows of the audit chain |
| `namespaces` | which namespaces a caller looks after |
"""
