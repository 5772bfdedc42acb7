"""A template filled in as CloudFormation does, with as many of its functions as ours uses."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": "123456789012", "AWS::NoValue": None}


class Template:
    """A template with its parameters; a reference to a resource stays that resource's name."""

    def __init__(self, file: Path, **parameters: str) -> None:
        """Read the file; parameters that are not given have their defaults."""
        self._told = cfn_yaml.load(str(file))
        self.parameters = self._told["Parameters"]
        defaults = {name: one.get("Default") for name, one in self.parameters.items()}
        self._values = defaults | parameters | PSEUDO
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": lambda name: self._values.get(name, name),
            "Fn::Sub": partial(re.sub, r"\$\{([\w:]+)\}", lambda found: str(self._values[found[1]])),
            "Fn::Equals": lambda pair: self._filled(pair[0]) == self._filled(pair[1]),
            "Fn::Not": lambda only: not self._filled(only[0]),
            "Fn::And": lambda several: all(map(self._filled, several)),
            "Fn::If": lambda three: self._filled(three[1] if self._holds(three[0]) else three[2]),
        }

    def resources(self) -> dict[str, Any]:
        """Give the properties of the resources whose condition holds, by name."""
        return {
            name: self._filled(one["Properties"])
            for name, one in self._told["Resources"].items()
            if "Condition" not in one or self._holds(one["Condition"])
        }

    def _holds(self, condition: str) -> bool:
        return bool(self._filled(self._told["Conditions"][condition]))

    def _filled(self, node: Any) -> Any:
        if isinstance(node, list):
            return [one for one in map(self._filled, node) if one is not None]
        if not isinstance(node, dict):
            return node
        [(key, value), *more] = node.items()
        if not more and key in self._functions:
            return self._functions[key](value)
        if not more and key == "Condition" and isinstance(value, str):
            return self._holds(value)
        filled = {key: self._filled(value) for key, value in node.items()}
        return {key: value for key, value in filled.items() if value is not None}
