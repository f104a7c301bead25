"""JSON API under /api, one file per resource. To add one, write its file and add its router here."""

from reseen.viewer.api import edits, forget, look, people, questions, schema, search, store

API_ROUTERS = (
    look.router,
    search.router,
    edits.router,
    people.router,
    questions.router,
    forget.router,
    store.router,
    schema.router,
)
