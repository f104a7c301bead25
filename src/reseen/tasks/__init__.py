"""Tasks behind the commands: evaluation, clustering, audit, data check, demo and doctor."""
