"""What the benchmark makes of its numbers."""

import pytest

from bench import __main__ as command
from bench.bounds import Bound, missed
from bench.double import Count
from bench.peers import Spent
from bench.running import Run, Wrong
from bench.watch import Size, _growth, _median, _speed, _thrift, _times


def run(tags: int = 2000, *, wall: float = 1.0, peak: float = 50.0, tokens: int = 200) -> Run:
    return Run(tags, Spent(wall, wall, peak, tags), Count(requests=tags, tokens=tokens))


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        (Bound("", 5.0, at_least=5), True),
        (Bound("", 4.99, at_least=5), False),
        (Bound("", 1.3, at_most=1.3), True),
        (Bound("", 1.31, at_most=1.3), False),
        (Bound("", float("nan"), at_most=1.3), False),
    ],
)
def test_a_bound_holds_up_to_its_limit(bound: Bound, holds: bool):
    assert bound.holds is holds
    assert ("MISSED" in str(bound)) is not holds


def test_missed_bounds_are_counted_and_all_are_printed(capsys):
    bounds = [Bound("one", 1, at_most=2), Bound("two", 3, at_most=2), Bound("three", 3, at_least=4)]
    assert missed(bounds) == 2
    printed = capsys.readouterr().out
    assert all(each.name in printed for each in bounds)


def test_a_run_says_what_a_tag_and_a_repository_cost():
    found = Run(100, Spent(2.0, 1.0, 10.0, 100), Count(requests=105, tokens=10))
    assert (found.rate, found.requests, found.tokens) == (50.0, 1.05, 1.0)


def test_the_median_run_is_one_of_them():
    runs = [run(wall=each) for each in (3.0, 1.0, 2.0)]
    assert _median(runs) is runs[2]


def test_five_times_the_threads_and_within_what_the_limit_allows():
    # 2,000 tags of 50 ms each, 16 at a time: 6.25 s
    for ours, far, expected in ((0.2, 8.1, [True, True]), (0.21, 8.2, [False, False])):
        near = {"ours": [run(wall=ours)], "threads": [run(wall=1.0)]}
        bounds = _speed(near, {"ours": [run(wall=far)]}, Size())
        assert [each.holds for each in bounds] == expected


@pytest.mark.parametrize(
    ("requests", "tokens", "many", "expected"),
    [
        (2100, 200, 10, [True, True, True]),
        (2101, 201, 11, [False, False, False]),
    ],
)
def test_what_tags_and_repositories_may_cost(requests, tokens, many, expected):
    spent = Spent(1.0, 1.0, 50.0, 2000)
    near = {
        "ours": [run(), Run(2000, spent, Count(requests=requests, tokens=tokens)), run()],
        "many": [run(tokens=5), Run(2000, spent, Count(requests=requests, tokens=many))],
    }
    assert [each.holds for each in _thrift(near, Size())] == expected


@pytest.mark.parametrize(
    ("wall", "peak", "expected"), [(12.4, 249.0, [True, True]), (12.6, 251.0, [False, False])]
)
def test_ten_times_the_tags_take_ten_times_as_long(wall, peak, expected):
    small = [run(10_000, wall=0.9), run(10_000, wall=1.1)]
    many = {10_000: small, 100_000: [run(100_000, wall=wall, peak=peak)]}
    assert [each.holds for each in _growth(many)] == expected


def test_a_busy_moment_that_hits_both_of_a_pair_does_not_change_the_ratio():
    ours = [run(wall=each) for each in (0.1, 0.4, 0.1)]
    threads = [run(wall=each) for each in (0.6, 2.4, 0.6)]
    assert _times({"ours": ours, "threads": threads}, "threads") == pytest.approx(6)


def watching(monkeypatch, *bounds: Bound) -> None:
    monkeypatch.setattr(command, "watch", lambda size: list(bounds))


def test_the_command_ends_with_1_when_a_bound_is_missed(monkeypatch, capsys):
    watching(monkeypatch, Bound("speed", 6, at_least=5))
    assert command.main(["watch"]) == 0
    watching(monkeypatch, Bound("speed", 6, at_least=5), Bound("memory", 251, at_most=250))
    assert command.main(["watch"]) == 1
    assert "1 of 2 bounds" in capsys.readouterr().err


def test_a_quick_run_judges_nothing(monkeypatch, capsys):
    watching(monkeypatch, Bound("memory", 251, at_most=250))
    assert command.main(["watch", "--quick"]) == 0
    assert "MISSED" not in capsys.readouterr().out


def test_the_command_ends_with_2_when_a_peer_found_something_else(monkeypatch, capsys):
    def wrong(size: Size) -> list[Bound]:
        message = "ours: expected 60 right digests, found 59"
        raise Wrong(message)

    monkeypatch.setattr(command, "watch", wrong)
    assert command.main(["watch"]) == 2
    assert "found 59" in capsys.readouterr().err


def test_a_bench_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["everything"])
    assert ended.value.code == 2
    assert "watch" in capsys.readouterr().err
