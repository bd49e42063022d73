"""Errors that end in a sentence for a person.

BridgeError
  StartRefused      the process must not start (exit code 2); the remedy is in the sentence
  ProviderProblem   a provider could not be used for a question asked just now
"""

from __future__ import annotations


class BridgeError(Exception):
    """Its text is a sentence a person can act on."""


class StartRefused(BridgeError):
    """The bridge must not start like this."""


class ProviderProblem(BridgeError):
    """A provider did not answer, or refused; `code` is its own."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code
