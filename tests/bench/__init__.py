"""What syncd costs, beside what the machine makes it cost. `python -m tests.bench --help`; see README.md."""
