from __future__ import annotations

from agent.report.terms import UNANSWERED, Terms


def test_what_it_hung_up_on_is_asked_for_in_another_way() -> None:
    terms = Terms()
    assert terms.listening() == 1
    terms.unheard = 1
    assert terms.listening() == 0
    terms.unheard = 2
    assert terms.listening() == 1, "it was not the QoS"


def test_a_broker_without_qos_1_is_not_asked_for_it() -> None:
    assert Terms(qos=0).listening() == 0
    assert Terms(listen=0).listening() == 0
    assert Terms(qos=0, unheard=1).listening() == 0


def test_the_will_is_modest_every_other_time() -> None:
    found = [Terms(unanswered=n).modest for n in range(UNANSWERED + 4)]
    assert found == [False] * UNANSWERED + [True, False, True, False]
