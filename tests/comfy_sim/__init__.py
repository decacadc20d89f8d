"""comfy-sim: a stand-in for a ComfyUI server.

It speaks the protocol that was recorded from two real releases (tests/wire/README.md) and can be told to
misbehave in every way that the gateway must survive. It computes nothing: its pictures are drawn, its models
are names. Wherever it shows itself it says that it is comfy-sim.
"""
