"""The section of certificates that lie in files.

Law of this module: that of `model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from exporter.config import files, kinds
from exporter.config.document import Tree
from exporter.config.section import Section, Text


class CertificateFile(Section):
    """Where certificates lie in files; the short form is the path alone, of a file, a directory or a glob."""

    path: Annotated[Path, BeforeValidator(files.reader(files.location))]
    password: Text = Field("", repr=False)
    password_file: Annotated[Path | None, BeforeValidator(files.reader(files.later))] = None
    certificate_arn: Annotated[str, BeforeValidator(kinds.certificate_arn)] = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"path": data} if isinstance(data, str) else data

    @field_validator("password_file")
    @classmethod
    def _one_password(cls, password_file: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("password"):
            raise ValueError("there is a password already (expected one of password and password_file)")
        return password_file


def identity(one: Tree) -> str:
    """Say what may be written once only."""
    return f"the path {Path(kinds.text(one.get('path') if isinstance(one, dict) else one))}"
