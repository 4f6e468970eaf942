"""What lies on the hub and is stood in for by folders: a tokenizer of words, and tiny models of transformers."""

from pathlib import Path
from typing import Any

import pytest
import torch

WORDS = ["[PAD]", "[UNK]", "[EOS]", "a", "photo", "of", "cat", "dog", "the"]
TEXT = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 12,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
SIGLIP_TEXT = TEXT | {"hidden_size": 32, "projection_size": 32}
NAFLEX = {name: value for name, value in VISION.items() if name != "image_size"} | {"num_patches": 16}


def write_tokenizer(folder: Path, context: int, **options: Any) -> None:  # noqa: ANN401 (transformers' own)
    """Write a tokenizer whose tokens are words, ended by [EOS]."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")  # noqa: S106
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(single="$A [EOS]", special_tokens=[("[EOS]", 2)])
    signs = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[EOS]"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=context, **signs, **options
    ).save_pretrained(folder)


def write_model(folder: Path, name: str) -> Any:  # noqa: ANN401 (transformers is untyped)
    """Write a tiny random model with its tokenizer and its image processor; returns the model."""
    transformers = pytest.importorskip("transformers")
    if not hasattr(transformers, f"{name}Model"):
        pytest.skip(f"this transformers has no {name}")
    siglip = name in ("Siglip", "Siglip2")
    config = getattr(transformers, f"{name}Config")(
        text_config=SIGLIP_TEXT if siglip else TEXT | {"project_dim": 12, "projection_dim": 12},
        vision_config=NAFLEX if name == "Siglip2" else VISION | {"projection_dim": 12},
        **({} if siglip else {"projection_dim": 12}),
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}Model")(config).eval().requires_grad_(False)
    for value in model.parameters():
        value.add_(torch.randn(value.shape) * 0.1)
    model.save_pretrained(folder)
    write_tokenizer(folder, 8, **({"model_input_names": ["input_ids"]} if siglip else {}))
    transformers.CLIPImageProcessor(image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(folder)
    return model
