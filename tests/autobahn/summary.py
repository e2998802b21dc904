"""Sums up a report of the Autobahn fuzzing client; fails unless all is fine."""

import collections
import json
import sys

FINE = ("OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED")


def main(path, agent):
    with open(path) as file:
        cases = json.load(file).get(agent, {})
    sections = collections.defaultdict(collections.Counter)
    bad = []
    for case, result in cases.items():
        sections[int(case.split(".")[0])][result["behavior"]] += 1
        for key in ("behavior", "behaviorClose"):
            if result[key] not in FINE:
                bad.append(f"{case}: {key} {result[key]}")
    for section in sorted(sections):
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(sections[section].items()))
        print(f"section {section}: {counts}")
    for line in bad:
        print(line)
    if not cases:
        print("autobahn: no case was run; is the server there?")
    print(f"autobahn: {len(cases)} cases, {len(bad)} findings")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
