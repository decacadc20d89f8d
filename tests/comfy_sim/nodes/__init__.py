"""The node classes that comfy-sim knows. Importing this package fills the registry."""

from comfy_sim.nodes import image, model, sim, wire  # noqa: F401  (imported for their registrations)
from comfy_sim.nodes.base import REGISTRY, NodeClass, Result, Running

__all__ = ["REGISTRY", "NodeClass", "Result", "Running"]
