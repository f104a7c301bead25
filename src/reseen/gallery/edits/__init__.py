"""The journal of edits of clusters and people and of answers, with one undo; and the pair constraints that follow."""
