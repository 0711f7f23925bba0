"""Prints the commands that a page shows for sh, in their order, as calls of the function "step".

What stands for something of one's own (ID) becomes a variable that .ci/fresh/run sets. Nothing else is changed.
"""

import re
import shlex
import sys

page = open(sys.argv[1], encoding="utf-8").read()
commands = []


def block(text):
    commands.extend(line for line in text.replace("\\\n", " ").splitlines() if line.strip())


def cells(line):
    return [c.strip().strip("`").replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]


table = None  # of which column holds commands
for part in re.split(r"(?ms)^(```.*?^```$)", page):
    if part.startswith("```"):
        language, _, text = part[3:-3].partition("\n")
        if language == "sh":
            block(text)
        continue
    for line in part.splitlines():
        if not line.startswith("|"):
            table = None
        elif table is None:
            head = cells(line)
            table = (head.index("sh"), "") if "sh" in head else (1, "lictrail ") if "lictrail ..." in head else ()
        elif table and not line.startswith("|---"):
            column, program = table
            commands.append(program + cells(line)[column] + (" --db lictrail-demo.db" if program else ""))

for c in commands:
    c = re.sub(r"(AZURE_(TENANT|CLIENT)_ID=)ID\b", r'\1"$\2"', c)
    print("step", shlex.quote(c))
