"""The names that are registered, and what a wrong one is answered."""

from pathlib import Path

import pytest

from derivcheck import registry

# Pinned: a page that gets lost, or one that appears by accident, shows here.
NAMES = (
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "addition",
    "amsgrad",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "batchnorm",
    "batchnorm_channels",
    "batchnorm_evaluation",
    "bias",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "causal_attention",
    "celu",
    "clip_by_norm",
    "clip_loss",
    "contrastive_margin",
    "conv1d",
    "conv1d_grouped",
    "conv1x1",
    "conv2d",
    "conv2d_depthwise",
    "conv2d_dilated",
    "conv2d_grouped",
    "conv3d",
    "conv_output_size",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose2d_grouped",
    "cosine_similarity",
    "cross_entropy",
    "dice_loss",
    "distillation",
    "dpo_loss",
    "dropout",
    "elastic_net",
    "elu",
    "embedding",
    "factorisation_machine",
    "flatten",
    "focal_loss",
    "gan_minimax",
    "gan_non_saturating",
    "gaussian_kl",
    "gaussian_kl_diagonal",
    "gaussian_mixture",
    "gaussian_nll",
    "geglu",
    "gelu",
    "gelu_tanh",
    "global_avg_pool",
    "glu",
    "gradient_penalty",
    "grouped_query_attention",
    "groupnorm",
    "gru",
    "gru_cell",
    "gumbel_softmax",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "he",
    "he_uniform",
    "hinge",
    "huber",
    "infonce",
    "instancenorm",
    "kl_divergence",
    "l1",
    "l1_regulariser",
    "l2_norm",
    "l2_regulariser",
    "lamb",
    "layernorm",
    "leaky_relu",
    "least_squares_hessian",
    "linear",
    "linear_transposed",
    "lion",
    "log_cosh",
    "log_sigmoid",
    "log_softmax",
    "logistic_loss",
    "logistic_regression_hessian",
    "logsumexp",
    "lora",
    "lstm",
    "lstm_cell",
    "lstm_cell_fused",
    "margin_ranking",
    "matrix_factorisation",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "mlp",
    "momentum",
    "moving_average",
    "mse",
    "multi_head_attention",
    "multi_head_attention_wide",
    "multiclass_hinge",
    "multinomial_regression",
    "nadam",
    "negative_sampling",
    "nesterov",
    "nll",
    "normalize",
    "peephole_lstm_cell",
    "pixel_shuffle",
    "poisson_nll",
    "policy_gradient",
    "positional_encoding",
    "ppo_clip",
    "prelu",
    "quantile_loss",
    "receptive_field",
    "relu",
    "relu6",
    "residual",
    "ridge_regression",
    "rmsnorm",
    "rmsprop",
    "rnn",
    "rnn_cell",
    "rotary_embedding",
    "scale",
    "selu",
    "sgd",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_smoothed",
    "softmax_cross_entropy_weighted",
    "softmax_jacobian",
    "softmax_regression",
    "softmax_temperature",
    "softplus",
    "softshrink",
    "softsign",
    "squared_hinge",
    "swiglu",
    "tanh",
    "tied_autoencoder",
    "transformer_block",
    "triplet_margin",
    "tsne",
    "upsample_nearest",
    "weight_norm",
    "xavier",
    "xavier_normal",
)


def test_names_are_pinned():
    assert registry.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_page_has_a_title_and_a_first_sentence(name):
    summary = registry.summary(name)
    assert summary.name == name
    assert summary.title
    assert summary.sentence.endswith(".")
    assert "\n" not in summary.sentence
    assert summary.tags


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("layer_norm", "layernorm"),
        ("LayerNorm", "layernorm"),
        ("lstm_cel", "lstm_cell"),
        ("conv2", "conv2d"),
    ],
)
def test_unknown_name_says_the_nearest(wrong, nearest):
    with pytest.raises(registry.UnknownName) as caught:
        registry.source(wrong)
    assert caught.value.nearest[0] == nearest
    assert str(caught.value).startswith(f"no derivation is called '{wrong}'; nearest: {nearest}")


def test_unknown_name_without_neighbours_points_to_the_list():
    with pytest.raises(registry.UnknownName, match="derivcheck list"):
        registry.summary("zzz")


@pytest.mark.parametrize("name", ["../README", "/etc/passwd", "", ".", "layernorm.md"])
def test_a_path_is_no_name(name):
    with pytest.raises(registry.UnknownName):
        registry.path(name)


def test_source_is_named_relative_to_the_working_directory(monkeypatch, tmp_path):
    pages = registry.directory()
    monkeypatch.chdir(pages.parent)
    assert registry.source("layernorm").path == f"{pages.name}/layernorm.md"
    monkeypatch.chdir(tmp_path)
    assert registry.source("layernorm").path == str(pages / "layernorm.md")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# T\n\nOne. Two.\n", ("T", "One.", ())),
        (
            "---\ntitle: F\ntags: [a, b]\n---\n# T\n\nOne\nline. Two.\n",
            ("F", "One line.", ("a", "b")),
        ),
        ("---\ntitle: [\n---\n# T\n\n## Notation\n", ("T", "", ())),
        ("---\ntitle: 3\ntags: no list\n---\nOne.\n", ("page", "One.", ())),
        ("", ("page", "", ())),
    ],
    ids=["plain", "front matter", "broken front matter", "odd front matter", "empty"],
)
def test_summaries_are_read_from_text(monkeypatch, tmp_path: Path, text, expected):
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr(registry, "directory", lambda: tmp_path)
    monkeypatch.setattr(registry, "names", lambda: ("page",))
    summary = registry.summary("page")
    assert (summary.title, summary.sentence, summary.tags) == expected
