"""The pages: inputs that a person may change, what follows from them, and the server that shows both in a browser.

Notebooks import from here all that stands around their question; the question and its answer are theirs.
"""

from edgeofcare.pages.fields import Choice, Number, Several
from edgeofcare.pages.shell import head, link_inputs, section
from edgeofcare.pages.visit import Page, View, Visit

__all__ = ["Choice", "Number", "Page", "Several", "View", "Visit", "head", "link_inputs", "section"]
