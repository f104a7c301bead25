"""The interface for programs under /api, one subject per file. A new subject is a file and a name here."""

from reseen.viewer.programs import look, points, schema

PROGRAMS = (look.router, points.router, schema.router)
