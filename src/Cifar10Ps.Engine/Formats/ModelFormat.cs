namespace Cifar10Ps;

/// <summary>The formats of model files.</summary>
public enum ModelFormat
{
    /// <summary>safetensors: this module's own, with everything that belongs to a model.</summary>
    Safetensors,

    /// <summary>A state dict of PyTorch: <c>.pth</c>, <c>.pt</c>, <c>.th</c>.</summary>
    PyTorch,

    /// <summary>An npz archive of Chainer: <c>.npz</c>, <c>.model</c>.</summary>
    Chainer,

    /// <summary>A graph that other runtimes execute: <c>.onnx</c>.</summary>
    Onnx,
}
