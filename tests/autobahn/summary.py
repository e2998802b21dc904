"""Sums up a report of the Autobahn fuzzing client; fails unless all that was asked for was run and is fine.

    summary.py INDEX AGENT [PATTERN...]

A case is fine where it is OK, or NON-STRICT, which is a choice that RFC 6455 leaves. UNIMPLEMENTED is a case that was not tried,
because the server agreed to no compression: whoever asks for sections 12 and 13 means a server that does. INFORMATIONAL says
nothing, so it is fine for those cases alone that can say nothing else. Each PATTERN of cases must have been run.
"""

import collections
import fnmatch
import json
import sys

FINE = ("OK", "NON-STRICT")

# What they test is undefined by RFC 6455, and they are INFORMATIONAL whatever happens.
INFORMATIONAL = ("7.1.6", "7.13.1", "7.13.2")


def is_fine(case, behavior):
    return behavior in FINE or (behavior == "INFORMATIONAL" and case in INFORMATIONAL)


def findings(cases, patterns):
    """What is not fine, a line for each."""
    for case, result in cases.items():
        for key in ("behavior", "behaviorClose"):
            if not is_fine(case, result[key]):
                yield f"{case}: {key} {result[key]}"
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(case, pattern) for case in cases):
            yield f"{pattern}: no such case was run"


def sections(cases):
    """How many cases of each section behaved how, a line for each."""
    counts = collections.defaultdict(collections.Counter)
    for case, result in cases.items():
        counts[int(case.split(".")[0])][result["behavior"]] += 1
    for section in sorted(counts):
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(counts[section].items()))
        yield f"section {section}: {kinds}"


def main(path, agent, *patterns):
    with open(path) as file:
        cases = json.load(file).get(agent, {})
    bad = list(findings(cases, patterns))
    for line in [*sections(cases), *bad]:
        print(line)
    if not cases:
        print("autobahn: no case was run; is the server there?")
    print(f"autobahn: {len(cases)} cases, {len(bad)} failed")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
