"""Moved."""
from nodesim.spec import *  # noqa
from nodesim.spec import ContainerRule, Comparison, CutMode, Direction, Expectation, LinkRule, NetworkSpec, NodeSpec, ObjectName, Operator, Scenario, Step, StepVerb, Subject, Target  # noqa
