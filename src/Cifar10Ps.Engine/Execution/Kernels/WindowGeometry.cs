namespace Cifar10Ps.Execution.Kernels;

/// <summary>Sizes of a convolution: how its windows lie on its input.</summary>
/// <param name="Channels">Channels of the input.</param>
/// <param name="Height">Height of the input in pixels.</param>
/// <param name="Width">Width of the input in pixels.</param>
/// <param name="Outputs">Channels of the output.</param>
/// <param name="Window">Size of a window in pixels.</param>
/// <param name="Stride">Pixels from one window to the next.</param>
/// <param name="Border">Pixels of zeros around the input.</param>
internal readonly record struct WindowGeometry(int Channels, int Height, int Width, int Outputs, (int Height, int Width) Window,
    (int Height, int Width) Stride, (int Top, int Left, int Bottom, int Right) Border)
{
    /// <summary>Height of the input with its border.</summary>
    public int BorderedHeight => Height + Border.Top + Border.Bottom;

    /// <summary>Width of the input with its border.</summary>
    public int BorderedWidth => Width + Border.Left + Border.Right;

    /// <summary>Height of the output in pixels.</summary>
    public int OutputHeight => (BorderedHeight - Window.Height) / Stride.Height + 1;

    /// <summary>Width of the output in pixels.</summary>
    public int OutputWidth => (BorderedWidth - Window.Width) / Stride.Width + 1;

    /// <summary>Values that a window covers.</summary>
    public int WindowLength => Window.Height * Window.Width * Channels;
}
