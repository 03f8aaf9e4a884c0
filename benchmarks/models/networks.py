"""Random small networks of the usual architectures, three to a few dozen operations each."""

from __future__ import annotations

from benchmarks.models.draw import Rng, size
from benchmarks.models.network import Net
from benchmarks.models.tflite import Model


def _image(net: Net, multiple: int = 1) -> int:
    rng = net.rng
    return net.input((size(rng, 1, 3), size(rng, 2, 6) * multiple, size(rng, 2, 7) * multiple, size(rng, 1, 7)))


def chain(rng: Rng, kind: str) -> Model:
    """Convolutions in a row: strides, dilations, groups, odd sizes."""
    net = Net(rng, kind)
    x = net.input((1, size(rng, 5, 24), size(rng, 5, 24), 2 * size(rng, 1, 4)))
    groups = 2 if net.integer else 1
    x = net.conv(x, 2 * size(rng, 1, 6), size(rng, 1, 6), stride=size(rng, 1, 3), groups=groups)
    x = net.conv(x, size(rng, 1, 12), size(rng, 1, 4), dilation=size(rng, 1, 4))
    x = net.pad(x, size(rng, 1, 3))
    return net.model(net.conv(x, size(rng, 1, 9), 3, stride=2))


def unet(rng: Rng, kind: str) -> Model:
    """Two levels, skip connections by concatenation, upsampling of every kind."""
    net = Net(rng, kind)
    x = _image(net, 4)
    _, h, w, _ = net.shape(x)
    fine = net.conv(x, size(rng, 3, 8))
    middle = net.conv(fine, size(rng, 4, 10), stride=2)
    coarse = net.conv(net.pool("MAX_POOL_2D", middle), size(rng, 6, 14))
    way = size(rng, 0, 4)
    if way == 0:
        up = net.deconv(coarse, size(rng, 3, 8), kernel=size(rng, 2, 5))
    elif way == 1:
        up = net.depth_to_space(net.conv(coarse, 4 * size(rng, 2, 5), 1), 2)
    else:
        name = "RESIZE_BILINEAR" if way == 2 else "RESIZE_NEAREST_NEIGHBOR"
        up = net.resize(name, coarse, (h // 2, w // 2), half_pixel=rng.random() < 0.7)
    joined = net.conv(net.concat(up, middle), size(rng, 3, 9))
    full = net.resize("RESIZE_BILINEAR", joined, (h, w))
    return net.model(net.conv(net.concat(fine, full, x), size(rng, 1, 4), 1))


def mobile(rng: Rng, kind: str) -> Model:
    """Inverted residuals, then a classifier."""
    net = Net(rng, kind)
    x = net.conv(_image(net, 3), size(rng, 4, 12), stride=2)
    for stride in (1, 2):
        width = net.shape(x)[3]
        inner = net.depthwise(net.conv(x, 3 * width, 1), stride=stride)
        y = net.conv(inner, width, 1)
        x = net.binary("ADD", x, y) if stride == 1 else y
    pooled = net.mean(x, keep=rng.random() < 0.5)
    flat = net.reshape(pooled, (net.shape(pooled)[0], net.shape(pooled)[-1]))
    logits = net.linear(flat, size(rng, 2, 12))
    return net.model(net.curve("SOFTMAX", logits, "SoftmaxOptions", beta=1.0))


def residual(rng: Rng, kind: str) -> Model:
    """Residual blocks with sums, differences and products."""
    net = Net(rng, kind)
    x = net.conv(_image(net, 2), size(rng, 3, 9))
    for _ in range(size(rng, 1, 3)):
        width = net.shape(x)[3]
        y = net.conv(net.conv(x, width), width)
        x = net.binary(str(rng.choice(["ADD", "SUB", "MUL"])), x, y)
    return net.model(x, net.pool("AVERAGE_POOL_2D", x, window=size(rng, 2, 4)))


def squeeze_excite(rng: Rng, kind: str) -> Model:
    """Channels weighted by a sigmoid of their means."""
    net = Net(rng, kind)
    x = net.depthwise(_image(net, 2), multiplier=size(rng, 1, 3))
    width = net.shape(x)[3]
    gate = net.conv(net.conv(net.mean(x), size(rng, 1, 5), 1), width, 1)
    gate = net.curve("LOGISTIC", gate)
    return net.model(net.conv(net.binary("MUL", x, gate), size(rng, 1, 8), 1))


def curves(rng: Rng, kind: str) -> Model:
    """Every pointwise function between convolutions."""
    net = Net(rng, kind)
    x = net.conv(_image(net, 2), size(rng, 2, 8))
    x = net.curve("LEAKY_RELU", x, "LeakyReluOptions", alpha=float(rng.choice([0.01, 0.1, 0.3])))
    x = net.conv(x, size(rng, 2, 8))
    x = net.curve("HARD_SWISH", x, "HardSwishOptions")
    x = net.conv(x, size(rng, 2, 8), 1)
    return net.model(net.curve("TANH", x), net.curve("RELU", x))


def two_views(rng: Rng, kind: str) -> Model:
    """Two inputs, split and shuffled channels, differences: what stereo networks do."""
    net = Net(rng, kind)
    shape = (1, 2 * size(rng, 2, 6), 2 * size(rng, 2, 6), 4)
    left, right = net.input(shape), net.input(shape)
    features = [net.conv(view, 6) for view in (left, right)]
    difference = net.binary("SUB", *features)
    halves = net.channels(difference, 0, 2), net.channels(difference, 2, 4)
    joined = net.concat(*halves, features[0])
    turned = net.transpose(net.transpose(joined, (0, 2, 1, 3)), (0, 2, 1, 3))
    return net.model(net.conv(turned, 2), difference)


NETWORKS = {
    "chain": chain,
    "unet": unet,
    "mobile": mobile,
    "residual": residual,
    "squeeze_excite": squeeze_excite,
    "curves": curves,
    "two_views": two_views,
}
"""Architectures by name."""
