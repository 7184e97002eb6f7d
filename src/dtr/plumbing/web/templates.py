"""Where templates are, and what they may use."""

from datetime import datetime
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined

from dtr.core.clock import Clock
from dtr.plumbing.web import formats
from dtr.plumbing.web.languages import Language
from dtr.plumbing.web.markdown import render_markdown


def make_environment(loader: BaseLoader, language: Language, clock: Clock) -> Environment:
    """Return the environment that renders templates in one language.

    Everything is escaped unless it is marked as HTML, and a name that is not there is an error rather than nothing.
    """
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = language.translations
    extended: Any = environment  # the extension adds the method
    extended.install_gettext_callables(translations.gettext, translations.ngettext, newstyle=True)
    locale = language.locale

    def ago(moment: datetime | None) -> object:
        return (
            ""
            if moment is None
            else formats.ago(moment, clock.now(), locale, translations.gettext("just now"))
        )

    environment.filters["ago"] = ago
    environment.filters["said"] = language.say
    environment.filters["size"] = lambda count: formats.size(count, locale)
    environment.filters["number"] = lambda value: formats.number(value, locale)
    environment.filters["markdown"] = render_markdown
    return environment
