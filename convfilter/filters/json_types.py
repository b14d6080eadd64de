"""Types of fields that kernel and pipeline files share, as pydantic checks them; loads pydantic."""

from typing import Annotated, Literal

from pydantic import Field

from convfilter.filters.kernel import MAX_BIAS
from convfilter.filters.layer import MAX_PAD

Number = Annotated[float, Field(allow_inf_nan=False)]
Bias = Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS, allow_inf_nan=False)]
_Amount = Annotated[int, Field(ge=0, le=MAX_PAD)]
Amounts = _Amount | Annotated[list[_Amount], Field(min_length=2, max_length=2)] | Literal["same", "cover"]
_Step = Annotated[int, Field(ge=1, le=4096)]
Steps = _Step | Annotated[list[_Step], Field(min_length=2, max_length=2)]
