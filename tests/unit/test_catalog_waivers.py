"""Waivers are checked for what would make them wait in the catalog and waive nothing."""

from datetime import date

import pytest

from shared.catalog import Catalog, CatalogInvalid, Fault, load, main
from tests.builders import CATALOG

WAIVER = {
    "id": "CVE-2025-0001",
    "image": "node",
    "reason": "not reachable",
    "owner": "us",
    "expires": "2027-01-31",
}


def with_waivers(*changes: dict[str, str]) -> str:
    entries = [", ".join(f'{k}: "{v}"' for k, v in (WAIVER | each).items()) for each in changes]
    return f"{CATALOG}waivers:\n" + "".join(f"  - {{ {each} }}\n" for each in entries)


def loaded(*changes: dict[str, str]) -> Catalog:
    return load("x", with_waivers(*changes))


def fault_of(*changes: dict[str, str]) -> Fault:
    with pytest.raises(CatalogInvalid) as caught:
        loaded(*changes)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    "written",
    [
        "CVE-2025-0001",
        "cve-2025-12345678",
        "GHSA-2f9x-5v75-3qv4",
        "AVD-DS-0002",
        "aws-access-key-id",
        "BSD 3-Clause",
        "SNYK-JS-LODASH-567746",
    ],
)
def test_a_finding_is_named_as_scanners_name_it(written: str):
    assert loaded({"id": written}).waivers[0].id == written


@pytest.mark.parametrize(
    "written",
    ["", " ", "CVE-2025-0001 ", "CVE-2025-1", "CVE_2025_0001", "CVE-2025-*", "*", "a\\tb"],
)
def test_what_no_finding_is_called_is_a_fault(written: str):
    fault = fault_of({"id": written})
    assert (fault.line, fault.path) == (12, "waivers[0].id")
    assert "a finding's whole id" in fault.expected


@pytest.mark.parametrize("written", ["", "libssl3 ", "lib*"])
def test_what_no_package_is_called_is_a_fault(written: str):
    fault = fault_of({"package": written})
    assert fault.path == "waivers[0].package"
    assert "a package's whole name" in fault.expected


@pytest.mark.parametrize("written", ["@babel/core", "org.slf4j:slf4j-api", "node (alpine 3.19)"])
def test_a_package_is_named_as_scanners_name_it(written: str):
    assert loaded({"package": written}).waivers[0].package == written


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"id": "cve-2025-0001"},
        {"expires": "2028-01-31"},
        {"reason": "another", "owner": "them"},
    ],
)
def test_a_finding_is_waived_once(changes: dict[str, str]):
    fault = fault_of({}, changes)
    assert (fault.line, fault.path) == (13, "waivers[1].id")
    assert "waived once for the same images and package (line 12 does)" in fault.expected


def test_other_images_and_other_packages_are_other_waivers():
    others = {"image": "nod?"}, {"package": "libssl3"}, {"package": "LIBSSL3"}, {"id": "GHSA-1"}
    assert len(loaded({}, *others).waivers) == 5


@pytest.mark.parametrize("glob", ["node", "no*", "nod?", "*", "?ode"])
def test_a_waiver_that_matches_an_image_is_worth_no_note(glob: str):
    assert loaded({"image": glob}).notes == ()


@pytest.mark.parametrize(
    ("glob", "hint"),
    [("nodes", " (did you mean node?)"), ("library/node", ""), ("nod", " (did you mean node?)"), ("x*", "")],
)  # fmt: skip
def test_a_waiver_that_matches_no_image_is_noted(glob: str, hint: str):
    assert loaded({"image": glob}).notes == (
        f"The waiver of CVE-2025-0001 waives nothing: no image's name matches {glob}{hint}.",
    )


def test_a_star_stands_for_slashes_too():
    text = with_waivers({"image": "team*"}).replace(
        "    tags: [20", "    name: team/node\n    tags: [20"
    )
    assert load("x", text).notes == ()


@pytest.mark.parametrize("expires", ["2020-01-01", "1999-12-31", "2099-12-31"])
def test_a_day_that_has_passed_or_is_far_is_no_fault_and_no_note_of_the_catalog(expires: str):
    assert loaded({"expires": expires}).notes == ()


def test_a_waiver_for_ever_is_a_fault():
    fault = fault_of({"expires": "9999-12-31"})
    assert (fault.path, fault.expected) == (
        "waivers[0].expires",
        "a day no later than 2099-12-31",
    )


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2027, 1, 31), ""),
        (date(2027, 2, 1), "expired on 2027-01-31, and waives nothing any more."),
        (date(2017, 1, 31), ""),
        (date(2017, 1, 1), "holds until 2027-01-31; a nearer day would have it looked at again."),
    ],
)
def test_the_command_says_what_has_expired_and_what_will_not_for_years(
    today: date, told: str, tmp_path, capsys
):
    place = tmp_path / "catalog.yaml"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/node.sh").touch()
    place.write_text(with_waivers({}))
    assert main([str(place)], today) == 0
    notes = capsys.readouterr().out.splitlines()[1:]
    said = f"{place}: note: The waiver of CVE-2025-0001 for node {told}"
    assert notes == ([said] if told else [])


def test_only_so_many_names_are_compared_for_a_hint_and_every_idle_waiver_is_noted():
    # Each comparison is slow: 500 waivers with 500 images took a minute on a busy machine.
    many = 400
    images = "".join(
        f"  - {{ source: docker.io/team/image-{number}, tags: [a] }}\n" for number in range(many)
    )
    waivers = with_waivers(*({"image": f"team/imag-{number}"} for number in range(many)))
    notes = load("x", waivers.replace("images:\n", f"images:\n{images}")).notes
    assert len(notes) == many
    hinted = ["did you mean team/image-" in each for each in notes]
    assert any(hinted)
    assert sum(hinted) * many <= 5_000


def test_a_waiver_by_name_and_one_by_glob_are_told_from_idle_ones():
    changes = ({"image": each} for each in ("node", "n?de", "*", "nod", "node/x", "n?d"))
    noted = " ".join(loaded(*changes).notes)
    assert [each for each in ("nod", "node/x", "n?d") if f"matches {each}" in noted] == [
        "nod",
        "node/x",
        "n?d",
    ]
    assert noted.count("waives nothing") == 3
