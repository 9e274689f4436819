"""Labels: cleaned, compared, and found in other letters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.experiment.entrance.labels import LabelIndex, clean_label, is_label


@given(st.text(max_size=200))
def test_a_cleaned_label_is_clean_and_found_again(text: str) -> None:
    label = clean_label(text)
    assert clean_label(label) == label
    if is_label(label):
        assert LabelIndex([label]).find(clean_label(f"  {text}\t")) == label


def test_a_label_is_found_in_other_letters_only_if_one_fits() -> None:
    index = LabelIndex(["PC-01", "Ann", "ann"])
    assert index.find("pc-01") == "PC-01"
    assert (index.find("ann"), index.find("ANN"), index.find("x")) == ("ann", None, None)
