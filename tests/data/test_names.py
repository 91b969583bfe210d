from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.names import Names


@given(st.lists(st.text(max_size=3)))
def test_strings_come_back_as_they_went_in(values: list[str]) -> None:
    names = Names(values)
    assert list(names) == [names[place] for place in range(len(names))] == values
    assert names[1:5] == values[1:5]
    assert names[::-1] == values[::-1]


def test_there_may_be_more_different_ones_than_a_byte_tells_apart() -> None:
    values = [f"name {place % 1009}" for place in range(4999)]
    names = Names()
    for place, value in enumerate(values):
        names.append(value)
        assert names[place] == value
    assert list(names) == values
