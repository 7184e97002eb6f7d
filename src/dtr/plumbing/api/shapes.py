"""The base of all request and response bodies."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from dtr.core.clock import rfc3339


class Shape(BaseModel):
    """A body whose fields are snake case here and camel case on the wire.

    Requests declare flags and numbers as `Flag` and `Count`, so that `"1"` is no number and `1` no flag. Fields that
    are not known are ignored, as clients of other versions send some.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


Flag = StrictBool
"""`true` or `false` in a request, and nothing that only looks like it."""

Count = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
"""A number of things in a request."""


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""A moment in an answer: RFC 3339, in UTC."""
