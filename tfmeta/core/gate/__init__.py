"""The gate that an artefact passes before it is served: `check_artefact`."""

from tfmeta.core.gate.check import check_artefact
from tfmeta.core.gate.report import Finding, Report

__all__ = ["Finding", "Report", "check_artefact"]
