"""`make bench`."""

from benchmarks import heartbeats

if __name__ == "__main__":
    heartbeats.report()
