"""The judgement: a conversation that went as it must, and each way in which one can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from onionchat.lab.verdict import Arrived, Gone, Record, Sent, Side, judge, other

CELL = 1952


def good() -> Record:
    """Twenty messages each way; yours number 1 expired, the friend's number 2 was deleted for both."""
    record = Record(
        bootstrap_s=5.0,
        publish_s=2.0,
        connect_s=1.0,
        expiring="you-1",
        deleted="friend-2",
        restarted=True,
        sizes=Counter({CELL: 400}),
    )
    sides: tuple[Side, Side] = ("you", "friend")
    for number in range(20):
        for side in sides:
            name, text = f"{side}-{number}", f"text {number}"
            record.sent.append(Sent(side=side, message=name, text=text, at=number, undisturbed=number < 10))
            record.arrived.append(Arrived(side=other(side), message=name, text=text, at=number + 0.5))
            if name not in {record.expiring, record.deleted}:
                record.kept["you"][name] = record.kept["friend"][name] = text
    record.gone = [
        Gone(side="you", message="you-1", why="expired"),
        Gone(side="friend", message="you-1", why="expired"),
        Gone(side="friend", message="friend-2", why="deleted"),
        Gone(side="you", message="friend-2", why="deleted-by-peer"),
    ]
    return record


def lose_everywhere(record: Record) -> None:
    record.arrived = [one for one in record.arrived if one.message != "you-7"]
    del record.kept["friend"]["you-7"]


def mutilate(record: Record) -> None:
    record.arrived = [one for one in record.arrived if one.message != "you-7"]
    record.arrived.append(Arrived(side="friend", message="you-7", text="text", at=8.0))
    record.kept["friend"]["you-7"] = "text"


def show_twice(record: Record) -> None:
    record.arrived.append(record.arrived[5])


def write_another_size(record: Record) -> None:
    record.sizes[100] += 1


def write_nothing(record: Record) -> None:
    record.sizes.clear()


def send_nothing(record: Record) -> None:
    record.sent.clear()
    record.arrived.clear()


def never_restart(record: Record) -> None:
    record.restarted = False


def keep_what_expired(record: Record) -> None:
    record.kept["friend"]["you-1"] = "text 1"


def expire_on_one_side(record: Record) -> None:
    del record.gone[0]


def lose_instead_of_expiring(record: Record) -> None:
    record.gone[1] = Gone(side="friend", message="you-1", why="deleted")


def keep_what_was_deleted(record: Record) -> None:
    record.kept["you"]["friend-2"] = "text 2"


def delete_on_one_side(record: Record) -> None:
    del record.gone[3]


def test_a_conversation_that_went_well() -> None:
    report = judge(good())
    assert report.ok
    assert (report.sent, report.delivered, report.lost, report.duplicates) == (40, 40, 0, 0)
    assert report.expired
    assert report.deleted_for_both
    assert (report.cells.size, report.cells.distinct_sizes_on_wire) == (CELL, 1)
    assert report.latency_ms.median == 500.0


def test_the_form_that_scripts_rely_on() -> None:
    form = msgspec.to_builtins(judge(good()))
    assert list(form) == [
        "ok",
        "bootstrap_s",
        "publish_s",
        "connect_s",
        "sent",
        "delivered",
        "duplicates",
        "lost",
        "latency_ms",
        "expired",
        "deleted_for_both",
        "cells",
    ]
    assert list(form["latency_ms"]) == ["median", "p95"]
    assert list(form["cells"]) == ["size", "distinct_sizes_on_wire"]


@pytest.mark.parametrize(
    "spoil",
    [
        lose_everywhere,
        mutilate,
        show_twice,
        write_another_size,
        write_nothing,
        send_nothing,
        never_restart,
        keep_what_expired,
        expire_on_one_side,
        lose_instead_of_expiring,
        keep_what_was_deleted,
        delete_on_one_side,
    ],
)
def test_each_fault_is_found(spoil: Callable[[Record], None]) -> None:
    record = good()
    spoil(record)
    assert not judge(record).ok


def test_what_is_lost_and_what_is_shown_twice_is_counted() -> None:
    record = good()
    lose_everywhere(record)
    show_twice(record)
    show_twice(record)
    report = judge(record)
    assert (report.delivered, report.lost, report.duplicates) == (39, 1, 2)


def test_a_message_that_was_stored_without_a_word_is_delivered() -> None:
    record = good()
    record.arrived = [one for one in record.arrived if one.message != "you-7"]
    assert judge(record).ok


def test_a_message_counts_only_at_the_other_side() -> None:
    record = good()
    record.arrived = [one for one in record.arrived if one.message != "you-7"]
    del record.kept["friend"]["you-7"]
    record.arrived.append(Arrived(side="you", message="you-7", text="text 7", at=8.0))
    assert judge(record).lost == 1


def test_latency_counts_the_first_sight_of_the_undisturbed() -> None:
    record = good()
    late = [one for one in record.arrived if one.message == "you-3"]
    record.arrived += [Arrived(side=one.side, message=one.message, text=one.text, at=99.0) for one in late]
    record.arrived = [
        Arrived(side=one.side, message=one.message, text=one.text, at=500.0)
        if one.message == "you-15"
        else one
        for one in record.arrived
    ]
    assert judge(record).latency_ms.p95 == 500.0


def test_an_empty_record_is_no_success() -> None:
    report = judge(Record(bootstrap_s=0, publish_s=0, connect_s=0))
    assert not report.ok
    assert report.latency_ms.median == 0.0
    assert (report.cells.size, report.cells.distinct_sizes_on_wire) == (0, 0)
