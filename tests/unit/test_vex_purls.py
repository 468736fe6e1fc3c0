"""Package URLs: what they name, in every ecosystem's spelling."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.vex.purls import InvalidPurl, packages, parse, repository
from shared.vex.statements import Package


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:deb/debian/openssl@3.0", [("openssl", "3.0")]),
        (
            "pkg:deb/debian/openssl@1%3A3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
            [("openssl", "1:3.0.11-1~deb12u2")],
        ),
        ("pkg:apk/alpine/libssl3@3.1.4-r5?arch=x86_64", [("libssl3", "3.1.4-r5")]),
        ("pkg:rpm/redhat/openssl-libs@3.0.7-27.el9", [("openssl-libs", "3.0.7-27.el9")]),
        (
            "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?epoch=1",
            [("openssl-libs", "1:3.0.7-27.el9")],
        ),
        ("pkg:npm/%40babel/traverse@7.0.0", [("@babel/traverse", "7.0.0")]),
        ("pkg:npm/@babel/traverse@7.0.0", [("@babel/traverse", "7.0.0")]),
        ("pkg:npm/@babel/traverse", [("@babel/traverse", "")]),
        ("pkg:npm/lodash", [("lodash", "")]),
        (
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar",
            [("org.apache.logging.log4j:log4j-core", "2.14.1"), ("log4j-core", "2.14.1")],
        ),
        (
            "pkg:golang/github.com/aws/aws-sdk-go@v1.44.234",
            [("github.com/aws/aws-sdk-go", "v1.44.234")],
        ),
        ("pkg:golang/stdlib@v1.21.0", [("stdlib", "v1.21.0")]),
        ("pkg:composer/symfony/http-kernel@6.0", [("symfony/http-kernel", "6.0")]),
        ("pkg:pypi/jinja2@3.1.2", [("jinja2", "3.1.2")]),
        ("PKG:DEB/debian/zlib1g", [("zlib1g", "")]),
        ("pkg://deb//debian//zlib1g", [("zlib1g", "")]),
        ("pkg:deb/debian/zlib1g/", [("zlib1g", "")]),
        ("pkg:golang/github.com//aws//sdk#/", [("github.com/aws/sdk", "")]),
        ("pkg:rpm/redhat/bash@5.1?EPOCH=2", [("bash", "2:5.1")]),
        ("pkg:deb/" + "x" * 1992, [("x" * 1992, "")]),
        ("pkg:golang/google.golang.org/genproto#googleapis/api", []),  # less than the package
        ("pkg:oci/node", []),
        ("pkg:docker/library/node", []),
        ("pkg:alpm/arch/pacman@6.0.1-1", [("pacman", "6.0.1-1")]),
        ("pkg:opkg/openwrt/dropbear@2022.82-2", [("dropbear", "2022.82-2")]),
        ("pkg:bitnami/debian-12/wordpress@6.2.0", [("wordpress", "6.2.0")]),
        ("pkg:maven/log4j-core@2.14.1", [("log4j-core", "2.14.1")]),
        # An epoch is said once, and only where the type has one beside the version.
        ("pkg:rpm/redhat/bash@5.1?epoch=0", [("bash", "5.1")]),
        ("pkg:rpm/redhat/bash@2%3A5.1?epoch=2", [("bash", "2:5.1")]),
        ("pkg:rpm/redhat/bash?epoch=2", [("bash", "")]),
        ("pkg:deb/debian/bash@5.1?epoch=2", [("bash", "5.1")]),
    ],
)
def test_a_package_is_named_as_reports_name_it(text: str, expected: list[tuple[str, str]]):
    assert packages(parse(text)) == tuple(Package(*each) for each in expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:oci/node", ""),
        ("pkg:oci/node?repository_url=docker.io/library/node", "docker.io/library/node"),
        ("pkg:oci/node?repository_url=docker.io/library", "docker.io/library/node"),
        ("pkg:oci/node?repository_url=index.docker.io%2Flibrary%2Fnode", "docker.io/library/node"),
        ("pkg:oci/node?repository_url=docker.io", "docker.io/library/node"),
        ("pkg:oci/node?repository_url=registry-1.docker.io/library", "docker.io/library/node"),
        ("pkg:oci/node?repository_url=registry.hub.docker.com", "docker.io/library/node"),
        ("pkg:oci/localhost%3A5000/x/node", "localhost:5000/x/node"),
        (
            "pkg:oci/trivy?repository_url=https://ghcr.io/aquasecurity/",
            "ghcr.io/aquasecurity/trivy",
        ),
        ("pkg:oci/trivy?repository_url=GHCR.io/aquasecurity/trivy", "ghcr.io/aquasecurity/trivy"),
        ("pkg:oci/ghcr.io/aquasecurity/trivy", "ghcr.io/aquasecurity/trivy"),
        ("pkg:oci/node?repository_url=localhost:5000/x", "localhost:5000/x/node"),
        # The whole last part, not its end, must be the name.
        ("pkg:oci/node?repository_url=ghcr.io/other-node", "ghcr.io/other-node/node"),
        ("pkg:oci/tools/trivy-db", ""),
        # The docker type's default is Docker Hub, and its namespace is a part of the repository.
        ("pkg:docker/node", "docker.io/library/node"),
        ("pkg:docker/library/node@20", "docker.io/library/node"),
        ("pkg:docker/contoso/api", "docker.io/contoso/api"),
        ("pkg:docker/contoso/api?repository_url=gcr.io", "gcr.io/contoso/api"),
        ("pkg:docker/ghcr.io/contoso/api", "ghcr.io/contoso/api"),
    ],
)
def test_an_image_is_where_its_purl_says(text: str, expected: str):
    assert repository(parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "openssl",
        "url:deb/debian/openssl",
        "pkg:",
        "pkg:deb",
        "pkg:deb/",
        "pkg:deb/debian/@1",
        "pkg:1x/name",
        "pkg:deb/debian/openssl@1/2",  # an @ before the name: the slash was not encoded
        "pkg:deb/debian/open\nssl",
        "pkg:deb/debian/open%0assl",
        "pkg:deb/debian/%ff",
        "pkg:oci/node?arch=amd64&arch=arm64",
        "pkg:oci/node?arch=amd64&ARCH=arm64",
        "pkg:oci/node?=x",
        "pkg:oci/node?&",
        "pkg:deb/" + "x" * 1993,
    ],
)
def test_what_is_no_purl_is_refused_with_what_was_expected_and_found(text: str):
    with pytest.raises(InvalidPurl, match=r"expected a package URL like .*, found"):
        parse(text)


@given(st.text() | st.text(alphabet="pkg:oci/deb@%?&=#3A ~\n", max_size=60).map("pkg:".__add__))
@example("pkg:oci/a@b@c")
def test_any_text_is_a_purl_or_is_refused(text: str):
    try:
        found = parse(text)
    except InvalidPurl:
        return
    assert found.name
    assert found.type == found.type.lower()
    assert all(each.name for each in packages(found))
    repository(found)
