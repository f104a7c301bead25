"""The interface for programs under /api, one subject per file. A new subject is a file and a name here."""

from reseen.viewer.programs import look, mends, schema

PROGRAMS = (look.router, mends.router, schema.router)
