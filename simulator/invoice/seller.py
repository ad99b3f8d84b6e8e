"""The seller: who stands at the head of an invoice, as a small file of TOML says."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from metering.document import parse, read_text, validate


class Seller(BaseModel):
    """Who sends an invoice: name, address, how to reach it, where to pay, and what it wants to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    address: tuple[str, ...] = ()
    email: str = ""
    tax_id: str = ""
    payment: tuple[str, ...] = ()
    note: str = ""


def load(path: Path) -> Seller:
    """Read a seller's file. Raises Problems with everything that is wrong with it."""
    return validate(Seller, parse(read_text(path), str(path)), str(path))
