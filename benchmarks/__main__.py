"""`make bench`: everything that is measured, in one run, as ratios."""

from benchmarks import codec, heartbeats, scenarios, simpy_model, transport

if __name__ == "__main__":
    for part in (heartbeats, simpy_model, codec, scenarios, transport):
        part.report()
        print(flush=True)
