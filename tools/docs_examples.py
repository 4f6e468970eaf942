"""An extension of griffe for the documentation site: it reads `Example:` as `Examples:`, the one that griffe knows."""

from __future__ import annotations

import re

import griffe

_HEADING = re.compile(r"^( *)Example:$", flags=re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Shows the doctests below `Example:` as code. Both headings are Google's style."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: object) -> None:
        """Rename the heading in the docstring of an object that was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = _HEADING.sub(r"\1Examples:", obj.docstring.value)
