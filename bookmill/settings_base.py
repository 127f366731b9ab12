"""What every section of the settings is, and the forms that several of them use."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["InstanceId", "Port", "Section"]

InstanceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
Port = Annotated[int, Field(ge=0, le=65_535)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
