"""What a machine lacks for running tasks is said in one sentence."""

from local.tasks.engine import Engine, missing


def test_every_absent_program_is_named_with_how_to_get_them():
    lack = missing(("sh", "no-such-runtime", "nor-this-one"))
    assert "no-such-runtime, nor-this-one" in lack
    assert "apt-get install" in lack
    assert "sh," not in lack


def test_an_engine_says_what_it_is():
    assert str(Engine("runc")) == "buildah, oci isolation with runc, no network"
    assert str(Engine("chroot")).startswith("buildah, chroot isolation")
