"""Manual cluster edits with undo, and the pair constraints for training and audit that follow from them."""
