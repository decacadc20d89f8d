"""The node classes that comfy-sim knows. Importing this package fills the registry."""

from comfy_sim.nodes import image, mix, model, sim, wire
from comfy_sim.nodes.base import REGISTRY, NodeClass, Result, Running, change_registry

#: imported for their registrations
MODULES = (image, mix, model, sim, wire)

__all__ = ["REGISTRY", "NodeClass", "Result", "Running", "change_registry"]
