"""What a trained encoder is for: crops that can be found again, looked at, corrected and forgotten."""
