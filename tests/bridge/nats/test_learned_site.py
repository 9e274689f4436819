"""A run's links follow one gateway's address, and no other's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.bridge.nats.learned_site import LearnedSite

ADDRESSES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a/", "b/", "c/"])), min_size=1)


@given(ADDRESSES)
def test_links_follow_the_first_gateway_and_say_so_only_when_they_change(
    learned: list[tuple[int, str]],
) -> None:
    site, (first, url) = LearnedSite(), learned[0]
    assert not site.learn(first, url)
    for family, address in learned[1:]:
        changes = family == first and address != url
        url = address if changes else url
        assert site.learn(family, address) == changes
        assert (site.url, site.family) == (url, first)


@given(ADDRESSES)
def test_an_authors_address_never_changes(learned: list[tuple[int, str]]) -> None:
    site = LearnedSite("https://lab.example.org/")
    assert not any(site.learn(family, address) for family, address in learned)
    assert site.url == "https://lab.example.org/"
