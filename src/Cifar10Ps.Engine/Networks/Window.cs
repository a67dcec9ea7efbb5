using System.Text.Json.Serialization;

namespace Cifar10Ps.Networks;

/// <summary>A size in pixels.</summary>
/// <param name="Height">Height in pixels.</param>
/// <param name="Width">Width in pixels.</param>
internal readonly record struct Extent(int Height, int Width)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Height} x {Width}";
}

/// <summary>Rows and columns that are added around a feature map.</summary>
/// <param name="Top">Rows above.</param>
/// <param name="Left">Columns to the left.</param>
/// <param name="Bottom">Rows below.</param>
/// <param name="Right">Columns to the right.</param>
internal readonly record struct Border(int Top, int Left, int Bottom, int Right)
{
    /// <summary>Whether opposite sides are equal, as libtorch's convolutions require.</summary>
    [JsonIgnore]
    public bool IsSymmetric => Top == Bottom && Left == Right;
}

/// <summary>How a convolution or a pooling layer runs over its input.</summary>
/// <param name="Size">Size of the window.</param>
/// <param name="Stride">Pixels from one window to the next.</param>
/// <param name="Padding">What is added around the input.</param>
internal sealed record Window(Extent Size, Extent Stride, Border Padding)
{
    private const int MaximumSize = 256;

    /// <summary>A square window with the same padding on all sides.</summary>
    public static Window Square(int size, int stride, int padding) =>
        new(new(size, size), new(stride, stride), new(padding, padding, padding, padding));

    /// <summary>Why it is not a window; null: it is.</summary>
    public string? Problem() =>
        Size is not { Height: > 0 and <= MaximumSize, Width: > 0 and <= MaximumSize }
        ? $"its window has {Size} pixels; 1 to {MaximumSize} are possible"
        : Stride is not { Height: > 0 and <= MaximumSize, Width: > 0 and <= MaximumSize }
        ? $"its stride is {Stride}; 1 to {MaximumSize} are possible"
        : Padding is not { Top: >= 0 and <= MaximumSize, Left: >= 0 and <= MaximumSize, Bottom: >= 0 and <= MaximumSize,
            Right: >= 0 and <= MaximumSize }
            ? $"its padding is {Padding.Top}, {Padding.Left}, {Padding.Bottom}, {Padding.Right}; 0 to {MaximumSize} are possible"
        : null;

    /// <inheritdoc/>
    public override string ToString() => $"{Size}, stride {(Stride.Height == Stride.Width ? $"{Stride.Height}" : $"{Stride}")}";

    /// <summary>Size of the output, rounded down.</summary>
    /// <param name="input">Size of the input.</param>
    /// <param name="channels">Channels of the output.</param>
    /// <exception cref="InvalidDataException">The window is larger than the padded input.</exception>
    public Shape Output(Shape input, int channels)
    {
        int height = input.Height + Padding.Top + Padding.Bottom - Size.Height,
            width = input.Width + Padding.Left + Padding.Right - Size.Width;
        return height < 0 || width < 0
            ? throw new InvalidDataException($"its window of {Size} pixels is larger than its input, {input}")
            : new Shape(channels, height / Stride.Height + 1, width / Stride.Width + 1);
    }
}
