"""The rules of a SARIF run, and what a rule or a result says about how bad it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.reports.fields import entries, mapping, number, prose, text, texts, whole
from shared.reports.findings import InvalidReport, Severity

_WORDS = frozenset({"severity"})
_SCORES = frozenset({"security-severity", "securityseverity", "cvssscore", "cvssv3_basescore"})
_IN_PROSE = re.compile(r"\b(critical|high|medium|low) severity\b", re.IGNORECASE)
_FIXES = frozenset({"fixed version", "fix version"})  # Trivy's, Grype's
# Scanners say `error` of high and critical, `note` of low and unknown: with other statements, a level
# is the least that it may mean.
_AT_LEAST = {"error": Severity.HIGH, "warning": Severity.MEDIUM}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says of all its results; None in `said` is a score that says nothing.

    It is read once, so that many results of a long rule cost no more than few.
    """

    said: frozenset[Severity | None] = frozenset()
    level: str = ""
    title: str = ""
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a run: the driver's ids in order (`ruleIndex` counts them), and all by id."""

    order: list[str] = field(default_factory=list)
    by_id: dict[str, Rule] = field(default_factory=dict)


def rules_of(run: Mapping[str, Any], place: str) -> Rules:
    """Return the rules of the driver and of its extensions. Raises InvalidReport."""
    tool, where = mapping(run, "tool", place), f"{place}tool."
    rules = Rules()
    for each, at in entries(mapping(tool, "driver", where), "rules", f"{where}driver."):
        rules.order.append(_add(rules, each, at))
    for extension, inside in entries(tool, "extensions", where):
        for each, at in entries(extension, "rules", inside):
            _add(rules, each, at)
    return rules


def _add(rules: Rules, body: Mapping[str, Any], place: str) -> str:
    name = text(body, "id", place, required=True)
    defaults = mapping(body, "defaultConfiguration", place)
    shown = mapping(body, "help", place).get("text")
    pairs = lines(shown) if isinstance(shown, str) else ()
    fixes = tuple(prose({key: value}, key, place) for key, value in pairs if key in _FIXES)
    rule = Rule(
        said=frozenset(_stated(body, place)),
        level=text(defaults, "level", f"{place}defaultConfiguration."),
        title=prose(mapping(body, "shortDescription", place), "text", f"{place}shortDescription."),
        fixes=fixes[:1],
    )
    if (other := rules.by_id.get(name)) is not None:  # §3.49.3: ids need not be unique
        rule = Rule(rule.said | other.said, other.level or rule.level, other.title, other.fixes)
    rules.by_id[name] = rule
    return name


def rule_for(result: Mapping[str, Any], place: str, rules: Rules) -> tuple[str, Rule]:
    """Return a result's rule id and rule (§3.27.5 to 3.27.7). Raises InvalidReport."""
    reference, where = mapping(result, "rule", place), f"{place}rule."
    name = text(result, "ruleId", place) or text(reference, "id", where)
    index = whole(result, "ruleIndex", place)
    if index is None and not mapping(reference, "toolComponent", where):
        index = whole(reference, "index", where)
    if not name.strip() and index is not None and 0 <= index < len(rules.order):
        name = rules.order[index]
    if not name.strip():
        message = f"{place}ruleId: expected a rule, found none"
        raise InvalidReport(message)
    # §3.27.5: the id may be hierarchical, the rule's own being its beginning.
    found = rules.by_id.get(name) or rules.by_id.get(name.rpartition("/")[0])
    return name, found or Rule()


def severity(result: Mapping[str, Any], place: str, rule: Rule) -> Severity:
    """Return the worst that a result and its rule say; where nothing says anything, UNKNOWN.

    The level counts alone only if nothing else says how bad it is. A score of 0.0 is what Trivy
    and Grype write for "unknown", so it says nothing. A missing level is not SARIF's default
    (`warning`, §3.27.10): who says nothing is not believed to mean something mild.
    """
    stated = rule.said.union(_stated(result, place))
    said = [each for each in stated if each is not None]
    level = text(result, "level", place) or rule.level
    if said:
        return max(*said, _AT_LEAST.get(level, Severity.LOW))
    return Severity.UNKNOWN if stated or not level else Severity.of(level)


def _stated(body: Mapping[str, Any], place: str) -> Iterator[Severity | None]:
    """Yield each statement of how bad it is; None for a score that says nothing."""
    properties, where = mapping(body, "properties", place), f"{place}properties."
    for key in properties:
        if key.lower() in _SCORES and (score := number(properties, key, where)) is not None:
            yield Severity.of_score(score) if score else None
        elif key.lower() in _WORDS and text(properties, key, where).strip():
            yield Severity.of(text(properties, key, where))
    words = [tag.lower() for tag in texts(properties, "tags", where)]
    for key in ("message", "help", "shortDescription"):
        shown = mapping(body, key, place).get("text")
        if isinstance(shown, str):
            words += (line[1].lower() for line in lines(shown) if line[0] == "severity")
            words += (each.lower() for each in _IN_PROSE.findall(shown))
    for word in words:
        if word == "unknown" or Severity.of(word) is not Severity.UNKNOWN:
            yield Severity.of(word)


def lines(shown: str) -> Iterator[tuple[str, str]]:
    """Yield what Trivy and Grype write as lines of `Key: value`, keys in lower case."""
    for line in shown.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip().lower(), value.strip()
