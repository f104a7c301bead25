"""Parts of the mutation tester `mutants.py`."""
