"""The metrics' page: the view of each family of metrics, and the SQL by which it comes to each metric."""

import re

from billing.views.chain import queries
from billing.views.metrics import FAMILIES, Family
from billing.views.split import SPLITS
from tests.reference.page import code, table


def sql() -> str:
    """Describe every family's view: what it says, and the expression of each of its metrics."""
    return "\n\n".join(_described(name, family) for name, family in FAMILIES.items())


def _described(view: str, family: Family) -> str:
    ways = {name.removeprefix("~"): split for split in reversed(SPLITS) for name in family.names(split)}
    names = dict.fromkeys(name.removeprefix("~") for split in SPLITS for name in family.names(split))
    known = {split: queries(SPLITS[split]) for split in SPLITS}
    rows = [(code(name), code(expression(name, family.query, known[ways[name]]))) for name in names]
    return f"### `{view}`\n\n{family.comment}\n\n{table(('metric', 'in SQL'), rows)}"


def expression(name: str, query: str, known: dict[str, str]) -> str:
    """Return the expression that a query names so, or that of the query from which it takes it as is."""
    for item in _items(known[query]):
        found = re.fullmatch(rf"(?:(?P<told>.*\S)\s+as\s+{name}|(?:[a-z]\w*\.)?{name})", item, re.DOTALL)
        if found and found["told"] and _short(found["told"]) != name:
            return _short(found["told"])
    for other in re.findall(r"\b(?:from|join) \(?([a-z_]+)", known[query]):
        if other in known and other != query:
            deeper = expression(name, other, known)
            if deeper:
                return deeper
    return ""


def _items(query: str) -> list[str]:
    """Return what every `select` of a query lists, each item by itself."""
    found = []
    for start in (match.end() for match in re.finditer(r"\bselect\b(?: distinct)?", query)):
        depth, item = 0, ""
        for word in re.findall(r"[()]|,|\bfrom\b|[^(),]+?(?=[(),]|\bfrom\b|$)", query[start:], re.DOTALL):
            if depth == 0 and (word in (",", "from", ")")):
                found.append(" ".join(item.split()))
                item = ""
                if word != ",":
                    break
                continue
            depth += (word == "(") - (word == ")")
            item += word
    return found


def _short(text: str) -> str:
    """Leave out what says nothing of the metric: the type of a number, and NULL for what is not there."""
    text = re.sub(r"\s*::(decimal\(38, 12\)|bigint)$", "", " ".join(text.split()))
    if text.startswith("(") and text.endswith(")") and _is_one(text[1:-1]):
        text = text[1:-1]
    return re.sub(r"\bcoalesce\(((?:[a-z]\w*\.)?\w+), 0\)", r"\1", text)


def _is_one(text: str) -> bool:
    """Tell whether the brackets of a text are its own: none closes one that was opened before it."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return True
