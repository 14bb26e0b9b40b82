"""The operations of an application: one for each method and path, with what its route declares."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from earwitness.http.operations import Afterwards
from earwitness.kernel import errors
from earwitness.kernel.errors import Problem
from earwitness.kernel.formats import MEDIA_TYPES
from earwitness.operations.operations import Answer, Operation

ROOT = "/api"
JSON = ("application/json",)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
MEDIA = MEDIA_TYPES


@dataclass(frozen=True, slots=True)
class Describes:
    """What a route takes and answers. An operation states it by its signature, other handlers by hand.

    `takes` and `gives` are types, as in a signature; `sent_as` and `answered_as` their content types.
    """

    takes: Any = None
    gives: Any = None
    sent_as: str = "application/json"
    answered_as: tuple[str, ...] = JSON
    statuses: tuple[int, ...] = (200,)
    refuses: tuple[type[Problem], ...] = ()
    pends: bool = False

    def __deepcopy__(self, _memo: object) -> "Describes":
        return self  # Litestar copies the options of handlers


NOTHING = Describes()


@dataclass(frozen=True, slots=True)
class DocumentedOperation:
    """One method of one path. `path` is the documented one: below `/api`, unless `at_root`."""

    method: str
    path: str
    at_root: bool
    rights: tuple[str, ...]
    function: Callable[..., Any]
    describes: Describes
    audited: bool

    @property
    def call(self) -> str:
        """The method and the path, as the documentation writes them: `POST /client/recording.search`."""
        return f"{self.method} {self.path}"

    @property
    def chapter(self) -> str:
        """The file or folder of `api/` that holds its function."""
        return self.function.__module__.removeprefix("earwitness.api.").partition(".")[0]

    @property
    def reads_query(self) -> bool:
        return self.method in {"GET", "HEAD", "DELETE"}

    @property
    def path_parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def text(self) -> str:
        """The docstring of its function."""
        return inspect.getdoc(self.function) or ""


def operations(app: Litestar) -> Iterator[DocumentedOperation]:
    """Every operation of an application, in the order in which its routes were added."""
    places: dict[int, int] = {}
    found = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            # Litestar gives the methods of a path, and the paths of a handler, in no fixed order.
            handlers: dict[str, HTTPRouteHandler] = {
                method: one for one in route.route_handlers for method in one.http_methods
            }
            for method in (one for one in _METHODS if one in handlers):
                operation = _operation(method, route.path_format, handlers[method])
                place = places.setdefault(id(operation.function), len(places))
                found.append((place, operation))
    return (one for _, one in sorted(found, key=lambda one: (one[0], one[1].path.swapcase())))


def _operation(method: str, path: str, handler: HTTPRouteHandler) -> DocumentedOperation:
    declared: Operation | None = handler.opt.get("operation")
    right = handler.opt.get("right") or ()
    below = path.removeprefix(ROOT)
    return DocumentedOperation(
        method=method,
        path=below,
        at_root=below == path,
        rights=(str(right),) if isinstance(right, str) else tuple(map(str, right)),
        function=declared.function if declared else handler.fn,
        describes=_of_declared(declared) if declared else handler.opt.get("describes", NOTHING),
        audited=bool(declared and declared.audit),
    )


def _of_declared(declared: Operation) -> Describes:
    is_media = declared.gives is Afterwards
    return Describes(
        takes=declared.takes,
        gives=bytes if is_media else _body(declared.gives),
        answered_as=MEDIA if is_media else (declared.content_type,) if declared.content_type else JSON,
        statuses=(declared.status,),
        refuses=(*declared.refuses, *((errors.Conflict,) if declared.writes else ())),
        pends=declared.pends,
    )


def _body(gives: Any) -> Any:
    return get_args(gives)[0] if get_origin(gives) is Answer else gives


def refusals(operation: DocumentedOperation) -> list[int]:
    """The statuses of the problems that an operation may answer with, in order."""
    describes = operation.describes
    kinds: set[type[Problem]] = {errors.Problem, errors.Unavailable, *describes.refuses}
    if operation.rights:
        kinds |= {errors.BadRequest, errors.Unauthenticated, errors.Forbidden}
    if operation.path_parameters:
        kinds |= {errors.BadRequest, errors.NotFound}
    if describes.takes is not None:
        kinds.add(errors.BadRequest)
        if not operation.reads_query:
            kinds |= {errors.TooLarge, errors.UnsupportedMedia}
    return sorted({int(kind.status) for kind in kinds})
