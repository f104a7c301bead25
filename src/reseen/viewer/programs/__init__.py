"""The interface for programs under /api, one subject per file. A new subject is a file and a name here."""

from reseen.viewer.programs import forget, look, mends, points, schema, search

PROGRAMS = (look.router, points.router, search.router, mends.router, forget.router, schema.router)
