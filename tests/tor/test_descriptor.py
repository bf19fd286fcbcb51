from __future__ import annotations

import threading

import pytest

from onionchat.tor.descriptor import DescriptorNews, Outcome

ADDRESS = "a" * 56
OTHER = "b" * 56


def test_an_upload_is_known_before_and_after_someone_waits() -> None:
    news = DescriptorNews()
    news.handle(f"HS_DESC UPLOADED {ADDRESS} UNKNOWN $FF~relay")
    assert news.wait_published(f"{ADDRESS}.onion", 0)
    assert not news.wait_published(OTHER, 0)

    answers: list[bool] = []
    waiters = [
        threading.Thread(target=lambda: answers.append(news.wait_published(OTHER, 60))) for _ in range(3)
    ]
    for waiter in waiters:
        waiter.start()
    news.handle(f"HS_DESC UPLOADED {OTHER} UNKNOWN $FF~relay")
    for waiter in waiters:
        waiter.join()
    assert answers == [True] * 3


def test_a_service_that_was_removed_counts_as_unpublished() -> None:
    news = DescriptorNews()
    news.handle(f"HS_DESC UPLOADED {ADDRESS} UNKNOWN $FF~relay")
    news.forget(f"{ADDRESS}.onion")
    assert not news.wait_published(ADDRESS, 0)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (f"HS_DESC RECEIVED {ADDRESS} NO_AUTH $FF~relay id", Outcome("received")),
        (
            f"HS_DESC FAILED {ADDRESS} NO_AUTH $FF~relay id REASON=NOT_FOUND",
            Outcome("not found", "$FF~relay"),
        ),
        (
            f"HS_DESC FAILED {ADDRESS} NO_AUTH UNKNOWN REASON=QUERY_NO_HSDIR",
            Outcome("no directory left", "UNKNOWN"),
        ),
        (f"HS_DESC FAILED {OTHER} NO_AUTH $FF~relay id REASON=NOT_FOUND", Outcome("timeout")),
        (f"HS_DESC REQUESTED {ADDRESS} NO_AUTH $FF~relay id", Outcome("timeout")),
        ("HS_DESC", Outcome("timeout")),
        (f"HS_DESC_CONTENT RECEIVED {ADDRESS}", Outcome("timeout")),
    ],
)
def test_outcomes_of_a_lookup(event: str, outcome: Outcome) -> None:
    news = DescriptorNews()
    with news.lookups(f"{ADDRESS}.onion", 0) as lookup:
        news.handle(event)
        assert lookup.outcome() == outcome


def test_the_end_wakes_everybody() -> None:
    news = DescriptorNews()
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(news.wait_published(ADDRESS, 60)))
    waiter.start()
    with news.lookups(ADDRESS, 60) as lookup:
        news.close()
        assert lookup.outcome() == Outcome("closed")
    waiter.join()
    assert answers == [False]
    with news.lookups(ADDRESS, 60) as late:
        assert late.outcome() == Outcome("closed")
