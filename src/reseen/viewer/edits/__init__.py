"""Manual cluster edits with undo, suggestions for them, and what answers imply for clusters."""
