"""Extras: packages that the plain install leaves out, and how to install them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earwitness.kernel.settings import SettingError

_CHECKOUT = Path(__file__).parents[3]


def how_to_install(extra: str) -> str:
    """The command that adds an extra. It names the checkout: an index may have another `earwitness`."""
    if (_CHECKOUT / "Makefile").is_file():
        return f"make -C {_CHECKOUT} install EXTRAS={extra}"
    return f"make install EXTRAS={extra}, in the checkout of Earwitness"


@contextmanager
def extra_for(variable: str, *, extra: str, brings: str) -> Iterator[None]:
    """Wrap an import: if the package that the extra `brings` is missing, say which extra the setting needs.

    Raises SettingError.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != brings:
            raise
        raise SettingError(
            f"{variable} needs a package that is not installed: {how_to_install(extra)}"
        ) from None
