"""What all sections of a configuration share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from exporter.config import kinds

Text: TypeAlias = Annotated[str, BeforeValidator(kinds.text)]


class Section(BaseModel):
    """What all sections share: nothing unknown passes, and a key without a value counts as not written."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
