"""The interface for programs under /api, one subject per file. A new subject is a file and a name here."""

from reseen.viewer.programs import look, points, schema, search

PROGRAMS = (look.router, points.router, search.router, schema.router)
