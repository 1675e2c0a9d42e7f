"""The names of the contestants, and the modules of other packages among them. No torch."""

OURS, AGAIN, DEFAULTS = "sfddm-bench", "sfddm-bench (again)", "sfddm-bench, defaults"
COMPILED = "sfddm-bench, compiled"
LUCIDRAINS, DIFFUSERS, CLEAN_FID, PYTORCH_FID = "denoising-diffusion-pytorch", "diffusers", "clean-fid", "pytorch-fid"
MODULES = {
    LUCIDRAINS: "denoising_diffusion_pytorch",
    DIFFUSERS: "diffusers",
    CLEAN_FID: "cleanfid",
    PYTORCH_FID: "pytorch_fid",
}
