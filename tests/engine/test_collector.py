"""The garbage collector while the clock moves through much work."""

import gc

from fcemu.engine.collector import PatientCollector


def test_the_collector_is_patient_until_the_last_of_several_blocks_ends():
    before, patient = gc.get_threshold(), PatientCollector()
    first, second = patient, patient
    with first:
        with second:
            assert gc.get_threshold()[0] == 50_000
        assert gc.get_threshold()[0] == 50_000
    assert gc.get_threshold() == before


def test_a_process_that_collects_by_itself_goes_on_doing_so():
    before, patient = gc.get_threshold(), PatientCollector()
    gc.set_threshold(0)
    try:
        with patient:
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_what_is_there_at_the_end_counts_as_old():
    with PatientCollector():
        made = [[] for _ in range(10)]
    old = {id(one) for one in gc.get_objects(generation=2)}
    assert all(id(one) in old for one in made)


def test_what_the_process_has_frozen_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with PatientCollector():
            pass
        assert gc.get_freeze_count() >= frozen - 100
    finally:
        gc.unfreeze()
