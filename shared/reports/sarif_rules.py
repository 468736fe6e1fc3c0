"""The rules of a SARIF run, and what a rule or a result says about how bad it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.reports.fields import entries, mapping, number, one_line, prose, text, texts, whole
from shared.reports.findings import InvalidReport, Severity
from shared.reports.purl_names import together

_WORDS = frozenset({"severity", "cvssv3_severity"})  # the latter Docker Scout's
_SCORES = frozenset({"security-severity", "securityseverity", "cvssscore", "cvssv3_basescore"})
# What Snyk writes where JavaScript has no number.
_NO_SCORES = frozenset({"", "undefined", "null", "nan"})
_IN_PROSE = re.compile(r"\b(critical|high|medium|low) severity\b", re.IGNORECASE)
_FIXES = frozenset({"fixed version", "fix version"})  # Trivy's, Grype's
_OF_PACKAGE = frozenset({"package", "version"})
_UNFIXED = frozenset({"not fixed"})  # Docker Scout's
_REMEDY = re.compile(
    r"^#+ Remediation\s*\n(Upgrade .*|There is no fixed version .*)$", re.MULTILINE
)
# OSV-Scanner says `warning` of everything, and nothing else.
_SAME_LEVEL = frozenset({"osv-scanner"})
# Scanners say `error` of high and critical, `note` of low and unknown: with other statements, a level
# is the least that it may mean.
_AT_LEAST = {"error": Severity.HIGH, "warning": Severity.MEDIUM}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says of all its results; None in `said` is a score that says nothing.

    It is read once, so that many results of a long rule cost no more than few. `package` and `installed`
    are for results that name none: a rule may be of one package, or of the first of several.
    """

    said: frozenset[Severity | None] = frozenset()
    level: str = ""
    title: str = ""
    fixes: tuple[str, ...] = ()
    package: str = ""
    installed: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a run: the driver's ids in order (`ruleIndex` counts them), and all by id.

    `levels` is False where the scanner's levels say nothing.
    """

    order: list[str] = field(default_factory=list)
    by_id: dict[str, Rule] = field(default_factory=dict)
    levels: bool = True


def rules_of(run: Mapping[str, Any], place: str) -> Rules:
    """Return the rules of the driver and of its extensions. Raises InvalidReport."""
    tool, where = mapping(run, "tool", place), f"{place}tool."
    driver = mapping(tool, "driver", where)
    name = text(driver, "name", f"{where}driver.").strip().lower()
    rules = Rules(levels=name not in _SAME_LEVEL)
    for each, at in entries(driver, "rules", f"{where}driver."):
        rules.order.append(_add(rules, each, at))
    for extension, inside in entries(tool, "extensions", where):
        for each, at in entries(extension, "rules", inside):
            _add(rules, each, at)
    return rules


def _add(rules: Rules, body: Mapping[str, Any], place: str) -> str:
    name = text(body, "id", place, required=True)
    defaults = mapping(body, "defaultConfiguration", place)
    pairs = dict(_described(body, place))
    fixes = [value for key, value in _described(body, place) if key in _FIXES]
    rule = Rule(
        said=frozenset(_stated(body, place, levels=rules.levels)),
        level=text(defaults, "level", f"{place}defaultConfiguration."),
        title=prose(mapping(body, "shortDescription", place), "text", f"{place}shortDescription."),
        fixes=tuple(fix(each) for each in fixes[:1]),
        package=one_line(pairs.get("package", "")),
        installed=one_line(pairs.get("version", "")),
    )
    if (other := rules.by_id.get(name)) is not None:  # §3.49.3: ids need not be unique
        package = rule.package if rule.package == other.package else ""
        worst, level = rule.said | other.said, _worse(rule.level, other.level)
        rule = replace(other, said=worst, level=level, package=package)
    rules.by_id[name] = rule
    return name


def _worse(level: str, other: str) -> str:
    """Return the worse of two levels, of which only one may be stated."""
    return max(level, other, key=Severity.of) if level and other else level or other


def _described(body: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Yield what a rule says of package, version and fix: Scout's properties, Snyk's and others' help."""
    properties, where = mapping(body, "properties", place), f"{place}properties."
    listed = texts(properties, "purls", where) or (text(properties, "purl", where),)
    package, installed = together(filter(None, listed))
    yield from (("package", package), ("version", installed)) if package else ()
    told = properties.get("fixed_version")
    # Of several packages it is one's: there may be a fix for another, but for the lack of it here.
    if isinstance(told, str) and (fix(told) or len(listed) == 1):
        yield "fixed version", told
    shown = mapping(body, "help", place)
    if isinstance(shown.get("text"), str):
        # Only the first of each: a description may follow, and have such lines of its own. Its package is
        # that of all results only where the rule's id ends with it (Grype's); Trivy's is the first of many.
        first = dict(reversed(list(lines(shown["text"]))))
        whole_rule = text(body, "id", place).endswith(f"-{first.get('package', '')}")
        yield from (pair for pair in first.items() if whole_rule or pair[0] not in _OF_PACKAGE)
    if isinstance(shown.get("markdown"), str) and (match := _REMEDY.search(shown["markdown"])):
        yield "fixed version", "" if match[1].startswith("There") else match[1]


def fix(said: str) -> str:
    """Return a fix as people read it, "" for the words that say there is none."""
    found = one_line(said)
    return "" if found.lower() in _UNFIXED else found


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


def severity(result: Mapping[str, Any], place: str, rule: Rule, *, levels: bool) -> Severity:
    """Return the worst that a result and its rule say; where nothing says anything, UNKNOWN.

    The level counts alone only if nothing else says how bad it is, and not at all without `levels`. A
    score of 0.0 is what Trivy and Grype write for "unknown", so it says nothing. A missing level is not
    SARIF's default (`warning`, §3.27.10): who says nothing is not believed to mean something mild.
    """
    stated = rule.said.union(_stated(result, place, levels=levels))
    said = [each for each in stated if each is not None]
    level = (text(result, "level", place) or rule.level) if levels else ""
    if said:
        return max(*said, _AT_LEAST.get(level, Severity.LOW))
    return Severity.UNKNOWN if stated or not level else Severity.of(level)


def _stated(body: Mapping[str, Any], place: str, *, levels: bool) -> Iterator[Severity | None]:
    """Yield each statement of how bad it is; None for a score that says nothing."""
    properties, where = mapping(body, "properties", place), f"{place}properties."
    for key in properties:
        if key.lower() in _SCORES and properties[key] is not None:
            yield _scored(properties, key, where)
        elif key.lower() in _WORDS and text(properties, key, where).strip():
            yield Severity.of(text(properties, key, where))
    words = [tag.lower() for tag in texts(properties, "tags", where)]
    for key in ("message", "help", "shortDescription"):
        shown = mapping(body, key, place).get("text")
        if isinstance(shown, str):
            words += (line[1].lower() for line in lines(shown) if line[0] == "severity")
            if levels or key != "help":  # with no level to hold against it, prose may be too mild
                words += (each.lower() for each in _IN_PROSE.findall(shown))
    for word in words:
        if word == "unknown" or Severity.of(word) is not Severity.UNKNOWN:
            yield Severity.of(word)


def _scored(properties: Mapping[str, Any], key: str, place: str) -> Severity | None:
    found = properties[key]
    if isinstance(found, str) and found.strip().lower() in _NO_SCORES:
        return None
    try:
        score = number(properties, key, place)
    except InvalidReport:
        if not isinstance(found, str):
            raise
        return Severity.of(found)
    return Severity.of_score(score) if score else None


def lines(shown: str) -> Iterator[tuple[str, str]]:
    """Yield what Trivy and Grype write as lines of `Key: value`, keys in lower case."""
    for line in shown.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip().lower(), value.strip()
