"""Rows of JSON Lines: an object on each line."""

import json
import re
from itertools import chain

from rnncli.data.reading.lines import Line, Row, cells_of

_ONE_OBJECT = 'each line must be an object such as {"text": "...", "label": "..."}'
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_UNLIST = "jq -c '.[]' FILE writes the objects of a list one a line"


def json_row(line: Line) -> Row:
    """The row in a line of JSON; nested values count as missing."""
    if line.error or not line.text.strip():
        return Row(line.number, {}, line.error)
    try:
        # Numbers stay as they are written: a label 1.0 must come back as 1.0.
        value = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if line.number == 1 and line.text.lstrip().startswith("["):
            return Row(line.number, {}, f"not an object but the start of a list; {_ONE_OBJECT}; {_UNLIST}")
        return Row(line.number, {}, f"not JSON: {error.msg} at character {error.pos + 1}; {_ONE_OBJECT}")
    except RecursionError:
        return Row(line.number, {}, f"nested too deeply; {_ONE_OBJECT}")
    if not isinstance(value, dict):
        hint = f"; {_UNLIST}" if isinstance(value, list) else ""
        return Row(line.number, {}, f"not a JSON object; {_ONE_OBJECT}{hint}")
    values = cells_of(value)
    if "\\ud" in line.text.lower() and _HALF_PAIR.search("".join(chain(values, values.values()))):
        return Row(line.number, {}, "half of a surrogate pair (\\ud800 to \\udfff) stands alone")
    return Row(line.number, values, None if values else f"no columns; {_ONE_OBJECT}")
