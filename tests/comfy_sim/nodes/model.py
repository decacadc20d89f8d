"""Nodes that stand for models. A model is its name; a latent is what a picture will be drawn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Tuple

from PIL import Image

from comfy_sim import pictures
from comfy_sim.nodes.base import Result, Running, integer, node, number, seed, text

CHECKPOINTS = ["comfy-sim-xl.safetensors", "dreamscape_v2.safetensors", "sd_xl_base_1.0.safetensors",
               "v1-5-pruned-emaonly.safetensors"]
LORAS = ["detail-tweaker.safetensors", "watercolor.safetensors"]
VAES = ["sdxl_vae.safetensors", "vae-ft-mse-840000-ema-pruned.safetensors"]
EMBEDDINGS = ["easynegative"]
#: by folder; the loaders' choices are these very lists, so that a change of one is seen everywhere
MODELS: Dict[str, List[str]] = {
    "checkpoints": CHECKPOINTS, "configs": [], "loras": LORAS, "vae": VAES, "text_encoders": ["t5xxl_fp16.safetensors"],
    "diffusion_models": ["flux1-dev.safetensors"], "clip_vision": [], "style_models": [], "embeddings": EMBEDDINGS,
    "diffusers": [], "vae_approx": [], "controlnet": [], "gligen": [], "upscale_models": ["4x-UltraSharp.pth"],
    "custom_nodes": [], "hypernetworks": [], "photomaker": [], "classifiers": [], "model_patches": [],
    "audio_encoders": []}
SAMPLERS = ["euler", "euler_ancestral", "heun", "dpm_2", "lms", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_sde", "ddim",
            "uni_pc", "lcm"]
SCHEDULERS = ["simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal"]

_PREVIEW = 320


@dataclass(frozen=True)
class Latent:
    """Everything that a VAEDecode needs to draw."""

    width: int
    height: int
    batch: int
    text: str = ""
    seed: int = 0
    source: Tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Conditioning:
    text: str


@dataclass(frozen=True)
class Model:
    name: str
    loras: Tuple[str, ...] = ()


@node("CheckpointLoaderSimple", display_name="Load Checkpoint", category="loaders", output=("MODEL", "CLIP", "VAE"),
      required={"ckpt_name": [CHECKPOINTS, {"tooltip": "The name of the checkpoint (model) to load."}]})
def checkpoint_loader(run: Running, ckpt_name: str) -> Result:
    model = Model(ckpt_name)
    return Result((model, model, model))


@node("LoraLoader", display_name="Load LoRA", category="loaders", output=("MODEL", "CLIP"), required={
    "model": ["MODEL", {}], "clip": ["CLIP", {}], "lora_name": [LORAS, {}],
    "strength_model": number(1.0, -100.0, 100.0, step=0.01), "strength_clip": number(1.0, -100.0, 100.0, step=0.01)})
def lora_loader(run: Running, model: Model, clip: Model, lora_name: str, strength_model: float,
                strength_clip: float) -> Result:
    return Result((replace(model, loras=model.loras + (lora_name,)), clip))


@node("LoraLoaderModelOnly", display_name="Load LoRA (Model)", category="loaders", output=("MODEL",), required={
    "model": ["MODEL", {}], "lora_name": [LORAS, {}], "strength_model": number(1.0, -100.0, 100.0, step=0.01)})
def lora_loader_model_only(run: Running, model: Model, lora_name: str, strength_model: float) -> Result:
    return Result((replace(model, loras=model.loras + (lora_name,)),))


@node("UNETLoader", display_name="Load Diffusion Model", category="advanced/loaders", output=("MODEL",), required={
    "unet_name": [MODELS["diffusion_models"], {}], "weight_dtype": [["default", "fp8_e4m3fn"], {}]})
def unet_loader(run: Running, unet_name: str, weight_dtype: str) -> Result:
    return Result((Model(unet_name),))


@node("CLIPLoader", display_name="Load CLIP", category="advanced/loaders", output=("CLIP",), required={
    "clip_name": [MODELS["text_encoders"], {}], "type": [["stable_diffusion", "flux2", "wan", "qwen_image"], {}]})
def clip_loader(run: Running, clip_name: str, type: str) -> Result:
    return Result((Model(clip_name),))


@node("UpscaleModelLoader", display_name="Load Upscale Model", category="loaders", output=("UPSCALE_MODEL",),
      python_module="comfy_extras.nodes_upscale_model",
      required={"model_name": ["COMBO", {"multiselect": False, "options": MODELS["upscale_models"]}]})
def upscale_model_loader(run: Running, model_name: str) -> Result:
    return Result((Model(model_name),))


@node("VAELoader", display_name="Load VAE", category="loaders", output=("VAE",), required={"vae_name": [VAES, {}]})
def vae_loader(run: Running, vae_name: str) -> Result:
    return Result((Model(vae_name),))


@node("CLIPTextEncode", display_name="CLIP Text Encode (Prompt)", category="conditioning", output=("CONDITIONING",),
      required={"text": text(multiline=True, dynamicPrompts=True), "clip": ["CLIP", {}]})
def clip_text_encode(run: Running, text: str, clip: Model) -> Result:
    return Result((Conditioning(text),))


@node("EmptyLatentImage", display_name="Empty Latent Image", category="latent", output=("LATENT",), required={
    "width": integer(512, 16, 16384, step=8), "height": integer(512, 16, 16384, step=8),
    "batch_size": integer(1, 1, 4096)})
def empty_latent(run: Running, width: int, height: int, batch_size: int) -> Result:
    return Result((Latent(width, height, batch_size),))


@node("VAEEncode", display_name="VAE Encode", category="latent", output=("LATENT",),
      required={"pixels": ["IMAGE", {}], "vae": ["VAE", {}]})
def vae_encode(run: Running, pixels: List[Image.Image], vae: Model) -> Result:
    return Result((Latent(*pixels[0].size, len(pixels), source=tuple(pixels)),))


@node("KSampler", category="sampling", output=("LATENT",), required={
    "model": ["MODEL", {}], "seed": seed(), "steps": integer(20, 1, 10000),
    "cfg": number(8.0, 0.0, 100.0, step=0.1, round=0.01), "sampler_name": [SAMPLERS, {}],
    "scheduler": [SCHEDULERS, {}], "positive": ["CONDITIONING", {}], "negative": ["CONDITIONING", {}],
    "latent_image": ["LATENT", {}], "denoise": number(1.0, 0.0, 1.0, step=0.01)})
def ksampler(run: Running, model: Model, seed: int, steps: int, cfg: float, sampler_name: str, scheduler: str,
             positive: Conditioning, negative: Conditioning, latent_image: Latent, denoise: float) -> Result:
    latent = replace(latent_image, text=positive.text, seed=seed)
    steps = run.options.steps or steps
    scale = min(1.0, _PREVIEW / max(latent.width, latent.height))
    small = decode(replace(latent, width=max(8, int(latent.width * scale)), height=max(8, int(latent.height * scale)),
                           batch=1))[0]
    for step in range(1, steps + 1):
        run.sleep(run.options.step_ms / 1000)
        run.progress(step, steps, pictures.emerging(small, step / steps))
    return Result((latent,))


def decode(latent: Latent) -> List[Image.Image]:
    drawn = [pictures.paint(latent.width, latent.height, latent.text or "comfy-sim", latent.seed + index)
             for index in range(latent.batch)]
    if not latent.source:
        return drawn
    return [Image.blend(each, source.resize(each.size), 0.5) for each, source in zip(drawn, latent.source)]


@node("VAEDecode", display_name="VAE Decode", category="latent", output=("IMAGE",),
      required={"samples": ["LATENT", {}], "vae": ["VAE", {}]})
def vae_decode(run: Running, samples: Latent, vae: Any) -> Result:
    return Result((decode(samples),))
