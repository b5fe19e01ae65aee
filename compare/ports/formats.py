"""A verification for other programs to show: Markdown, JUnit's XML, annotations of GitHub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from compare.ports import report
from compare.report import MARKS, by, error

Document = dict[str, Any]
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


def markdown(document: Document) -> str:
    """The report as a page: verdict first, then culprits, checks, coverage."""
    shapes = ", ".join(by(shape) for shape in document["inputs"])
    parts = [
        f"# {cell(document['torch'])} and {cell(document['keras'])}: {document['verdict']}",
        f"Input {shapes}, channels first; outputs {error(document['outputs_apart'])} apart.",
        *(culprit_section(n, c) for n, c in enumerate(report.groups(document["culprits"]), 1)),
        repairs(document),
        checks_table(document),
        "\n".join(f"- {cell(note)}" for note in document["notes"]),
        "Coverage: "
        + ", ".join(f"{name} {a}/{b}" for name, (a, b) in document["coverage"].items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def culprit_section(number: int, same: Sequence[Document]) -> str:
    """One cause: where, why, proof, fix."""
    c = same[0]
    title = f"{cell(report.place(c))}{report.times(same)}"
    lines = [f"## {number}. {title}", "", f"Rung {c['rung']}: {cell(c['detail'])}"]
    lines.append(f"\n- cause: {cell(cause_of(c))}")
    places = [f"{side} `{where}`" for side, where in c["place"].items() if where]
    lines += [f"- at {', '.join(places)}"] if places else []
    before, after = (c["evidence"][key] for key in ("error_before", "error_after"))
    if before is not None and after is not None:
        lines.append(f"- proof: {error(before)} before, {error(after)} with it taken back")
    lines += [f"- fix in {side}: `{code}`" for side, code in (c["fix"] or {}).items()]
    lines += [f"- reproduction: `{c['reproduction']}`"] if c["reproduction"] else []
    if len(same) > 1:
        more = f" and {len(same) - 1 - report.SHOWN} more" if len(same) > 1 + report.SHOWN else ""
        others = ", ".join(cell(report.place(c)) for c in same[1 : 1 + report.SHOWN])
        lines.append(f"- also at {others}{more}")
    return "\n".join(lines)


def cause_of(c: Document) -> str:
    if c["cause"] is None:
        return "unknown"
    return f"{c['cause']}: {c['phrase']}" if c["phrase"] else str(c["cause"])


def repairs(document: Document) -> str:
    made = document["repairs"]
    if not made["made"]:
        return ""
    left = made["outputs_apart"]
    said = "cannot be run" if left is None else f"outputs {error(left)} apart"
    return f"All {made['made']} repairs made at once: {said}."


def checks_table(document: Document) -> str:
    rows = ["| check | rung | verdict | detail |", "|---|---|---|---|"]
    for check in document["checks"]:
        mark = MARKS.get(check["verdict"], "?")
        rung = "" if check["rung"] is None else check["rung"]
        detail = cell(check["detail"] + report.aside(check))
        rows.append(f"| {check['id']} | {rung} | {mark} {check['verdict']} | {detail} |")
    return "\n".join(rows)


def cell(text: str) -> str:
    """Text that does not end a table's cell, or become mark-up."""
    return re.sub(r"([|*_<>\[\]])", r"\\\1", text).replace("\n", " ")


# ---- JUnit


def junit(document: Document) -> str:
    """One test case a check and one a cause, as CI servers read it."""
    title = f"compare verify {document['torch']} {document['keras']}"
    suite = ElementTree.Element("testsuite", name=clean(title))
    for check in document["checks"]:
        rung = "" if check["rung"] is None else f"rung {check['rung']} "
        case(suite, f"{rung}{check['id']}", *ending(check, document), check["detail"])
    decisive = [c for c in document["culprits"] if counts(c, document)]
    for same in report.groups(decisive):
        first = same[0]
        name = f"rung {first['rung']} culprit {report.place(first)}{report.times(same)}"
        case(suite, name, "failure", cause_of(first), "\n".join(report.cause_lines(same)))
    for outcome, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(len(suite.findall(f"testcase/{outcome}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    top = ElementTree.Element("testsuites")
    top.append(suite)
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def case(suite: ElementTree.Element, name: str, outcome: str, message: str, text: str) -> None:
    """One test case; outcome is "failure", "error", "skipped", or empty."""
    made = ElementTree.SubElement(suite, "testcase", classname="compare.verify", name=clean(name))
    if outcome:
        ElementTree.SubElement(made, outcome, message=clean(message)).text = clean(text)
    else:
        ElementTree.SubElement(made, "system-out").text = clean(text)


def ending(check: Document, document: Document) -> tuple[str, str]:
    """What JUnit calls a check's verdict, and the line that goes with it."""
    verdict = str(check["verdict"])
    if not check["decides"]:
        return "skipped", f"{verdict}; it is none of the rungs that decide"
    if verdict.startswith("same"):
        return "", verdict
    return ("failure" if verdict == "different" else "error"), verdict


def counts(c: Document, document: Document) -> bool:
    """Whether a culprit's rung decides."""
    return not document["rungs"] or c["rung"] in document["rungs"]


def clean(text: str) -> str:
    """Without what XML cannot hold."""
    return FORBIDDEN.sub("?", text)


# ---- GitHub


def github(document: Document) -> str:
    """GitHub's workflow commands: one error a cause, at its first line where that is known."""
    lines = []
    for same in report.groups([c for c in document["culprits"] if counts(c, document)]):
        c = same[0]
        fixes = "".join(f"\nfix in {side}: {code}" for side, code in (c["fix"] or {}).items())
        text = f"{report.place(c)}{report.times(same)}: {c['detail']}\ncause {cause_of(c)}{fixes}"
        known = [(side, c["place"][side]) for side in ("keras", "torch") if c["place"][side]]
        where = next((located(document[side], place) for side, place in known), "")
        title = escaped(f"ports differ: {c['cause'] or 'cause unknown'}", True)
        lines.append(f"::error {where}title={title}::{escaped(text)}")
    if not lines and document["exit_status"]:
        title = escaped(f"ports: {document['verdict']}", True)
        said = [c["detail"] for c in document["checks"] if not c["verdict"].startswith("same")]
        lines.append(f"::error title={title}::{escaped('; '.join(said))}")
    return "".join(f"{line}\n" for line in lines)


def located(port: str, place: str) -> str:
    """ "file=src/net.py,line=31,"; empty where there is no such file by the port's own."""
    name, _, number = place.rpartition(":")
    own = port.rpartition(":")[0]
    own = own if own.endswith(".py") else own.replace(".", "/") + ".py"
    near = [Path(own), Path(own).parent / name, Path(own[:-3]) / name]
    found = next((path for path in near if path.name == name and path.is_file()), None)
    if found is None:
        return ""
    here = Path.cwd()
    path = found.resolve()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"file={escaped(str(shown), True)},line={number},"


def escaped(text: str, in_property: bool = False) -> str:
    """As GitHub's toolkit escapes them."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text
