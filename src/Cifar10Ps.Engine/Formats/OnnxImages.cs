using System.Globalization;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>The images that an ONNX graph takes.</summary>
/// <param name="Name">Name of the input.</param>
/// <param name="Height">Height in pixels; 0: any.</param>
/// <param name="Width">Width in pixels; 0: any.</param>
/// <param name="Batch">Number of images; -1: any.</param>
/// <param name="AreBytes">Whether their values are bytes, so that the graph contains the preprocessing.</param>
/// <param name="AreRows">Whether the channels are the last dimension, not the one after the batch.</param>
internal sealed record OnnxImages(string Name, int Height, int Width, long Batch, bool AreBytes, bool AreRows)
{
    private const int SmallestSide = 8, LargestSide = 1024;

    /// <summary>Whether the graph says what size they have.</summary>
    public bool HasSize => Height > 0 && Width > 0;

    /// <summary>The images that a graph takes.</summary>
    /// <param name="model">The graph.</param>
    /// <param name="isUsed">Whether anything uses the value of a name.</param>
    /// <exception cref="InvalidDataException">It takes something else.</exception>
    public static OnnxImages Of(OnnxModel model, Func<string, bool> isUsed)
    {
        // Old files list constants among the inputs.
        OnnxInput[] inputs = [.. model.Inputs.Where(input => !model.Constants.ContainsKey(input.Name) && isUsed(input.Name))];
        if (inputs is not [OnnxInput input])
            throw new InvalidDataException(inputs.Length == 0 ? "it has no input that its output depends on"
                : $"it has the inputs {DisplayText.List([.. inputs.Select(other => other.Name)])}, but only images are supported");
        if (input.Shape is null)
            return new OnnxImages(input.Name, 0, 0, -1, input.IsBytes, AreRows: false);
        if (input.Shape.Length != 4)
            throw Refused("only [batch, 3, height, width] is supported");
        bool areRows = input.Shape[1] != Input.Channels && input.Shape[3] == Input.Channels;
        (long channels, long height, long width) = areRows
            ? (input.Shape[3], input.Shape[1], input.Shape[2])
            : (input.Shape[1], input.Shape[2], input.Shape[3]);
        if (channels is not Input.Channels and not -1)
            throw Refused("only images of three channels (red, green and blue) are supported");
        // A size is only known if both dimensions are.
        if (height < 0 || width < 0)
            (height, width) = (0, 0);
        else if (height is < SmallestSide or > LargestSide || width is < SmallestSide or > LargestSide)
            throw Refused($"only images of {SmallestSide} to {LargestSide} pixels in width and height are supported");
        return new OnnxImages(input.Name, (int)height, (int)width, input.Shape[0], input.IsBytes, areRows);

        InvalidDataException Refused(string why) => new($"its input '{DisplayText.Name(input.Name)}' is "
            + $"[{string.Join(", ", input.Shape.Select(size => size < 0 ? "any" : $"{size}"))}]; {why}");
    }

    /// <summary>The preprocessing of a graph that takes bytes: scale · byte + shift, in each channel.</summary>
    /// <exception cref="EngineException"><c>InvalidPreprocessing</c>.</exception>
    public Preprocessing ToPreprocessing(float[] scale, float[] shift)
    {
        double[] deviation = [.. scale.Select(value => 1 / (255.0 * value))];
        double[] mean = [.. shift.Select((value, c) => Rounded(-value * deviation[c]))];
        return new Preprocessing(mean, [.. deviation.Select(Rounded)], Width, Height);

        // Six digits: they restore short numbers that the graph only holds as quotients.
        static double Rounded(double value) =>
            double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) + 0.0;
    }
}
