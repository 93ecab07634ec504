"""Readers under fire: a small part of what `benchmarks/fuzz_readers.py` does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_fuzzing import FILES, PACKERS, check_damaged, check_good, check_noise, mutations

from boilerplate.compression import Compression
from boilerplate.inputs import FORMATS, Format


@pytest.mark.parametrize("kind", FILES)
@given(st.data(), st.integers(1, 2_000))
@settings(max_examples=15)
def test_no_record_of_a_good_file_is_lost(kind: str, data: st.DataObject, target: int) -> None:
    check_good(data.draw(FILES[kind]), target)


@pytest.mark.parametrize("kind", FILES)
@given(st.data(), mutations)
@settings(max_examples=15)
def test_damage_costs_what_is_damaged(kind: str, data: st.DataObject, changes: list[tuple[str, float, Any]]) -> None:
    check_damaged(data.draw(FILES[kind]), changes)


@given(st.binary(max_size=300), st.sampled_from(FORMATS), st.sampled_from(sorted(PACKERS)))
@settings(max_examples=60)
def test_noise_harms_nobody(raw: bytes, format_: Format, compression: Compression) -> None:
    check_noise(raw, format_, compression)
