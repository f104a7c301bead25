"""Compare two encoders: query by query where people are known, by what can be measured without labels elsewhere."""
