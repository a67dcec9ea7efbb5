namespace Cifar10Ps.Networks;

/// <summary>The largest value of each window, channel by channel; padding does not count.</summary>
/// <param name="Window">How it runs over its input.</param>
internal sealed record MaxPool(Window Window) : Operation(LayerKind.MaxPool)
{
    /// <inheritdoc/>
    public override string? Problem() => Window.Problem() ?? PaddingProblem(Window);

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => Window.Output(Map(inputs), inputs[0].Channels);

    /// <summary>A window entirely in the border would have no value.</summary>
    internal static string? PaddingProblem(Window window) =>
        Math.Max(window.Padding.Top, window.Padding.Bottom) < window.Size.Height
        && Math.Max(window.Padding.Left, window.Padding.Right) < window.Size.Width
            ? null : "its padding is as large as its window";
}

/// <summary>The mean of each window, channel by channel; or, without a window, of all pixels of a channel, as a vector.</summary>
/// <param name="Window">How it runs over its input; null: it takes all pixels at once.</param>
/// <param name="CountsPadding">Whether zeros beyond the border count in the mean.</param>
internal sealed record AveragePool(Window? Window = null, bool CountsPadding = true) : Operation(LayerKind.AveragePool)
{
    /// <inheritdoc/>
    public override string? Problem() => Window is null ? null : Window.Problem() ?? MaxPool.PaddingProblem(Window);

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) =>
        Map(inputs) is var input && Window is null ? Shape.Vector(input.Channels) : Window!.Output(input, input.Channels);
}
