"""The base score of a CVSS 3 vector, for advisories that state nothing else."""

import math

# FIRST, CVSS v3.1 specification, 7.4 "Metric Values"; privileges weigh more when the scope is unchanged.
_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}
# 5 "Qualitative Severity Rating Scale": the lowest score of each rating.
_RATINGS = ((9.0, "CRITICAL"), (7.0, "HIGH"), (4.0, "MEDIUM"), (0.1, "LOW"))


def severity(vector: str) -> str:
    """Rate a vector like `CVSS:3.1/AV:N/…`; UNKNOWN when it is not one, or scores nothing."""
    if not vector.startswith(("CVSS:3.0/", "CVSS:3.1/")):
        return "UNKNOWN"
    try:
        metrics = dict(part.split(":") for part in vector.split("/")[1:])
        score = _base_score(metrics)
    except (KeyError, ValueError):
        return "UNKNOWN"
    return next((rating for least, rating in _RATINGS if score >= least), "UNKNOWN")


def _base_score(metrics: dict[str, str]) -> float:
    weight = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
    changed = metrics["S"] == "C"
    base = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    exploitability = 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    if impact <= 0:
        return 0.0
    total = (impact + exploitability) * (1.08 if changed else 1)
    return math.ceil(round(min(total, 10.0) * 10, 4)) / 10  # 7.1: the smallest tenth not below it
