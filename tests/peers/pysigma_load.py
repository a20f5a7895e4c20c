"""What pySigma says of rule files: `pysigma_load.py FILE...` prints `good` or `error: ...` for each.

A file is read, its conditions are parsed, its correlations are given their rules.
"""

import sys

from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule


def verdict(path):
    try:
        with open(path, encoding="utf-8") as file:
            collection = SigmaCollection.from_yaml(file.read())
        for rule in collection.rules:
            if isinstance(rule, SigmaRule):
                for condition in rule.detection.parsed_condition:
                    condition.parse()
        return "good"
    except Exception as error:  # whatever it is, the rule did not load
        return f"error: {type(error).__name__}: {error}".replace("\n", " ")


for name in sys.argv[1:]:
    print(f"{name}\t{verdict(name)}", flush=True)
