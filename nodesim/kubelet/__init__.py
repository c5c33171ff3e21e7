"""What runs on a node, and what does its kubelet do?"""

from nodesim.kubelet.kubelet import Kubelet, watches_of
from nodesim.kubelet.machine import NodeMachine
from nodesim.kubelet.runtime import Runtime
from nodesim.kubelet.steps import KillKubelet, PowerOff, PowerOn, StartKubelet

__all__ = ["KillKubelet", "Kubelet", "NodeMachine", "PowerOff", "PowerOn", "Runtime", "StartKubelet", "watches_of"]
