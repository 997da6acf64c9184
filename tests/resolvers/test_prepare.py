"""What is made ready at the start: nothing that takes long is made in a request."""

import pytest

from db.models import Organization
from db.queries import codes
from resolvers import find
from resolvers.domain import code_format
from resolvers.domain.code_format import Format, Style


@pytest.mark.case("A13")
async def test_tables_are_ready_before_the_first_request(organization: Organization) -> None:
    """The words of every style are joined, and which codes clash is known, before anybody asks."""
    code_format._joined.cache_clear()
    codes.reset_clashing()
    await find.prepare()
    misses = code_format._joined.cache_info().misses
    for style in (Style.CREATIVE, Style.ALPHANUMERIC, Style.NUMERIC):
        assert Format(style).texts([1])
    assert code_format._joined.cache_info().misses == misses
    assert codes._clashing == frozenset()
