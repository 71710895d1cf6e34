"""A whole agent of one's own: looks things up through Budgetscape, follows a name it finds, answers by a rule."""

import json
import re
import sys


def say(**step: str | int) -> None:
    print(json.dumps(step), flush=True)


def hear() -> dict:
    return json.loads(sys.stdin.readline())


def names(text: str) -> list[str]:
    """Words in capitals that stand together: "When Ann Lee of the Old Belt" -> ["Ann Lee", "Old Belt"]"""
    return re.findall(r"[A-Z]\w+(?: [A-Z]\w+)+", text)


task = hear()
query, best = task["question"], ""
asked = set(names(task["question"]))
for _ in range(task["search"]):
    say(type="search", query=query, tokens=len(query.split()))
    found = hear()
    if found["type"] == "refused" or not found["passages"]:
        break
    best = found["passages"][0]["text"]
    new = [name for name in names(best) if name not in asked]
    if not new:
        break
    query = f"{new[-1]} {task['question']}"
note = f"The best passage says: {best}"
words = note.split()[: task["think"]]
if words:
    say(type="think", text=" ".join(words), tokens=len(words))
answer = next((name for name in names(best) if name not in asked), "unknown")
say(type="answer", text=answer, tokens=len(answer.split()))
