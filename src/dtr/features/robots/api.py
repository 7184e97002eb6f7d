"""The API of robots."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from dtr.features.robots.model import (
    DEFAULT_LIFE_DAYS,
    DEFAULT_OVERLAP_HOURS,
    MAX_DESCRIPTION_LENGTH,
    Life,
    NewRobot,
    Robot,
    RobotChanges,
    ShownSecret,
)
from dtr.features.robots.service import Robots
from dtr.plumbing.api import Count, Flag, Moment, PagedList, PermitShape, Shape, SignedIn, documented, paged

NameInPath = Annotated[
    str, Path(max_length=300, description="The full name or the id.", examples=["robot+team+ci"])
]

NAME = "Short name: `ci` makes `robot+<namespace>+ci`, or `robot+ci` without a namespace."
EXPIRES = "Days from now; null for never."


class RobotShape(Shape):
    """A robot."""

    id: str
    name: str
    namespace: str = Field(description="Empty for a robot of the whole registry.")
    description: str
    permits: list[PermitShape]
    is_active: bool
    created_at: Moment
    created_by: str
    expires_at: Moment | None = Field(description="null: never.")
    secret_set_at: Moment
    previous_secret_expires_at: Moment | None = Field(
        description="Until when the last secret counts as well; null if it was not rotated with an overlap."
    )
    last_used: Moment | None = Field(description="To within a minute.")
    last_used_address: str

    @staticmethod
    def fields_of(robot: Robot) -> dict[str, object]:
        """Return the fields of a robot."""
        permits = [PermitShape.of(each) for each in robot.permits]
        return {
            "id": robot.id,
            "name": robot.name,
            "namespace": robot.namespace,
            "description": robot.description,
            "permits": permits,
            "is_active": robot.is_active,
            "created_at": robot.created_at,
            "created_by": robot.created_by,
            "expires_at": robot.expires_at,
            "secret_set_at": robot.secret_set_at,
            "previous_secret_expires_at": robot.previous_secret_expires_at,
            "last_used": robot.last_used_at,
            "last_used_address": robot.last_used_address,
        }

    @classmethod
    def of(cls, robot: Robot) -> "RobotShape":
        """Render a robot."""
        return cls.model_validate(cls.fields_of(robot))


class RobotWithSecret(RobotShape):
    """A robot with its secret, which is shown this once and never again."""

    secret: str

    @classmethod
    def shown(cls, made: ShownSecret) -> "RobotWithSecret":
        """Render a robot and its secret."""
        return cls.model_validate({**cls.fields_of(made.robot), "secret": made.secret})


class NewRobotShape(Shape):
    """A robot to make."""

    name: str = Field(max_length=64, description=NAME, examples=["ci"])
    namespace: str = Field(default="", max_length=255, description="Empty: of the whole registry.")
    description: str = Field(default="", max_length=MAX_DESCRIPTION_LENGTH)
    permits: list[PermitShape] = Field(max_length=100)
    expires_in_days: Count | None = Field(default=DEFAULT_LIFE_DAYS, description=EXPIRES)
    secret: str | None = Field(default=None, description="16 to 128 characters; left out, one is generated.")

    def parsed(self) -> NewRobot:
        """Return what is wanted. Raises Invalid for permits that make no sense."""
        return NewRobot(
            name=self.name,
            namespace=self.namespace,
            description=self.description,
            permits=tuple(each.parsed() for each in self.permits),
            life_days=self.expires_in_days,
            secret=self.secret,
        )


class RobotChangesShape(Shape):
    """What to change; fields that are left out stay as they are."""

    description: str | None = Field(default=None, max_length=MAX_DESCRIPTION_LENGTH)
    permits: list[PermitShape] | None = Field(default=None, max_length=100)
    is_active: Flag | None = None
    expires_in_days: Count | None = Field(default=None, description=EXPIRES)

    def parsed(self) -> RobotChanges:
        """Return the changes. Raises Invalid for permits that make no sense."""
        permits = None if self.permits is None else tuple(each.parsed() for each in self.permits)
        # null means never, and nothing at all means no change.
        life = Life(self.expires_in_days) if "expires_in_days" in self.model_fields_set else None
        return RobotChanges(
            description=self.description, permits=permits, is_active=self.is_active, life=life
        )


class RotationShape(Shape):
    """How to rotate a secret."""

    secret: str | None = Field(default=None, description="16 to 128 characters; left out, one is generated.")
    overlap_hours: Count = Field(
        default=DEFAULT_OVERLAP_HOURS, description="How long the old secret still counts; 0 ends it at once."
    )


def router(robots: Robots) -> APIRouter:
    """Make the routes of robots."""
    routes = APIRouter(tags=["robots"])

    @routes.get("/robots", operation_id="listRobots", responses=documented(404))
    async def list_robots(
        caller: SignedIn,
        page: PagedList,
        response: Response,
        namespace: Annotated[
            str | None,
            Query(max_length=255, description="Whose robots; empty for the registry's own; left out: all."),
        ] = None,
    ) -> list[RobotShape]:
        """List the robots of a namespace; administrators and auditors also those of all."""
        found = await robots.list_page(caller, namespace, page)
        return [RobotShape.of(each) for each in paged(response, found)]

    @routes.post("/robots", status_code=201, operation_id="createRobot", responses=documented(404, 409))
    async def create_robot(caller: SignedIn, wanted: NewRobotShape) -> RobotWithSecret:
        """Make a robot; the answer shows its secret, once."""
        return RobotWithSecret.shown(await robots.create(caller, wanted.parsed()))

    @routes.get("/robots/{name}", operation_id="getRobot", responses=documented(404))
    async def get_robot(caller: SignedIn, name: NameInPath) -> RobotShape:
        """Show a robot."""
        return RobotShape.of(await robots.get(caller, name))

    @routes.patch("/robots/{name}", operation_id="changeRobot", responses=documented(404))
    async def change_robot(caller: SignedIn, name: NameInPath, changes: RobotChangesShape) -> RobotShape:
        """Change a robot; what it was issued ends at once if it is disabled or gets other permits."""
        return RobotShape.of(await robots.change(caller, name, changes.parsed()))

    @routes.delete("/robots/{name}", status_code=204, operation_id="deleteRobot", responses=documented(404))
    async def delete_robot(caller: SignedIn, name: NameInPath) -> None:
        """Delete a robot; what it was issued ends at once."""
        await robots.delete(caller, name)

    @routes.post("/robots/{name}/secret", operation_id="rotateRobotSecret", responses=documented(404))
    async def rotate_secret(caller: SignedIn, name: NameInPath, rotation: RotationShape) -> RobotWithSecret:
        """Give a robot a new secret; the answer shows it, once."""
        made = await robots.rotate(caller, name, rotation.secret, rotation.overlap_hours)
        return RobotWithSecret.shown(made)

    return routes
