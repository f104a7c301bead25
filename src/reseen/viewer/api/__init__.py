"""The interface for programs under /api, one subject per file. A new subject is a file and a name here."""

from reseen.viewer.api import edits as mends
from reseen.viewer.api import forget, look, points, schema, search

PROGRAMS = (look.router, points.router, search.router, mends.router, forget.router, schema.router)
