"""LearnedSite: the root of a run's links, if it is a gateway's."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LearnedSite"]


@dataclass
class LearnedSite:
    """Follows the first gateway's address, which it may have learned only later, as behind a Hub.

        site = LearnedSite()
        site.learn(7, "http://one.example.org:8888/")      # False: the first one
        site.learn(9, "http://two.example.org:8888/")      # False: links lead to the first one
        site.learn(7, "https://hub.example.org/")   # True: links begin in another way now

    It outlasts the connection to the broker.
    """

    url: str = ""
    """The root; one that the author has given never changes."""
    family: int = 0
    """The gateway whose address it is, by the upper bits of its numbers; 0 if it is the author's or
    not known yet."""

    def learn(self, family: int, url: str) -> bool:
        """Note the address of a gateway; return whether links begin in another way than before."""
        if not self.url:
            self.url, self.family = url, family
            return False
        if family != self.family or url == self.url:
            return False
        self.url = url
        return True
