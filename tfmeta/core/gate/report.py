"""What the gate found, and how it is told."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from tfmeta.core.words import printable

__all__ = ["Finding", "Report"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was checked, whether it holds, and what was found."""

    check: str
    holds: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.holds else 'FAIL'} {self.check}: {self.detail}"


@dataclasses.dataclass(frozen=True)
class Report:
    """What the gate found.

    Attributes:
        path: the artefact.
        findings: what was checked.
        batching: whether TF Serving's batching may be switched on.
        latency: median seconds a request of each signature, outside Python, for requests as in the warm-up
            file.
    """

    path: Path
    findings: tuple[Finding, ...]
    batching: str
    latency: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the artefact may be served."""
        return all(finding.holds for finding in self.findings)

    def __str__(self) -> str:
        times = ", ".join(f"{key} {1e3 * seconds:.1f} ms" for key, seconds in self.latency.items())
        verdict = "may be served" if self.ok else "must not be served"
        text = "\n".join(
            [
                str(self.path),
                *map(str, self.findings),
                f"     batching: {self.batching}",
                f"     latency: {times or 'not measured'}",
                f"{'ok  ' if self.ok else 'FAIL'} {self.path} {verdict}.",
            ]
        )
        return printable(text)  # names in it are those of the model
