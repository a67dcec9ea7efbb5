using System.Collections;
using System.Management.Automation;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Layers;

/// <summary>A word of a block of layers: its parameters, and the layers that it adds.</summary>
/// <param name="Name">The word.</param>
/// <param name="Parameters">What it takes.</param>
/// <param name="Add">Adds its layers.</param>
internal sealed record LayerWord(string Name, LayerParameter[] Parameters, Action<LayerStack, LayerArguments> Add)
{
    /// <summary>The words, in the order in which they are listed.</summary>
    public static readonly IReadOnlyList<LayerWord> All =
    [
        new("Convolution",
            [
                new("int", "Channels", 0), new("int[]", "Size"), new("int[]", "Stride"), new("int[]", "Padding"), new("int", "Groups"),
                new("switch", "Bias"), new("switch", "NoBias"),
            ],
            (stack, given) => stack.Convolution(given.Number("Channels"), given.Window(defaultSize: 3, defaultStride: 1, keepsSize: true),
                given.Integer("Groups") ?? 1, given.Choice("Bias", "NoBias"))),
        new("Whitening", [new("int", "Size", 0)], (stack, given) => stack.Whitening(given.Integer("Size") ?? 2)),
        new("Norm", [new("double", "Epsilon"), new("switch", "NoScale")],
            (stack, given) => stack.Norm(given.Real("Epsilon") ?? BatchNorm.DefaultEpsilon, learnsScale: !given.IsOn("NoScale"))),
        new("ReLU", [new("double", "Maximum")],
            (stack, given) => stack.Add("relu", given.Real("Maximum") is double maximum ? new ClippedReLU(maximum) : new ReLU())),
        new("Gelu", [], (stack, _) => stack.Add("gelu", new Gelu())),
        new("Scale", [new("double", "Factor", 0)], (stack, given) => stack.Add("scale",
            new Scale(given.Real("Factor") ?? throw new InvalidDataException("it needs a number: Factor")))),
        new("MaxPool", LayerParameter.Window, (stack, given) => stack.Add("maxpool", new MaxPool(given.Window()))),
        new("AveragePool", LayerParameter.Window,
            (stack, given) => stack.Add("avgpool", new AveragePool(given.HasAny(LayerParameter.Window) ? given.Window() : null))),
        new("Flatten", [], (stack, _) => stack.Add("flatten", new Flatten())),
        new("Dropout", [new("double", "Rate", 0)], (stack, given) => stack.Add("dropout", new Dropout(given.Real("Rate") ?? 0.5))),
        new("Linear", [new("int", "Outputs", 0)], (stack, given) => stack.Linear(given.Integer("Outputs"))),
        new("Residual", [new("scriptblock", "Layers", 0), new("scriptblock", "Shortcut", 1)], (stack, given) =>
            stack.Residual(given.Block("Layers") ?? throw new InvalidDataException("it needs a block of layers"), given.Block("Shortcut"))),
        new("ZeroPad", [], (stack, _) => stack.Add("zeropad", new ZeroPad())),
    ];

    /// <summary>The text of the word as a function, so that PowerShell binds its arguments.</summary>
    /// <param name="body">What the function does.</param>
    public string FunctionText(string body) =>
        $"[CmdletBinding(PositionalBinding = $false)] param({string.Join(", ", Parameters.AsEnumerable())}) {body}";
}

/// <summary>A parameter of a word; none is mandatory for PowerShell, which would prompt for it in the middle of a block.</summary>
/// <param name="Type">Its type in PowerShell.</param>
/// <param name="Name">Its name.</param>
/// <param name="Position">Its position; null: it is named.</param>
internal sealed record LayerParameter(string Type, string Name, int? Position = null)
{
    /// <summary>How pooling runs over its input: all of them, or none for the mean of all pixels.</summary>
    public static readonly LayerParameter[] Window = [new("int[]", "Size", 0), new("int[]", "Stride"), new("int[]", "Padding")];

    /// <summary>The declaration in a function's param block.</summary>
    public override string ToString() => string.Concat(
        Position is int position ? $"[Parameter(Position = {position})] " : "[Parameter()] ",
        Type is "int" or "int[]" or "double" ? $"[{typeof(NumberTransformationAttribute)}()] " : "",
        $"[{Type}] ${Name}");
}

/// <summary>What a word was given.</summary>
/// <param name="bound">Arguments by parameter.</param>
/// <param name="run">Runs a block of layers.</param>
internal sealed class LayerArguments(IDictionary bound, Action<ScriptBlock> run)
{
    /// <summary>Whether a parameter was given.</summary>
    public bool Has(string parameter) => bound.Contains(parameter);

    /// <summary>Whether one of several parameters was given.</summary>
    public bool HasAny(LayerParameter[] parameters) => parameters.Any(parameter => Has(parameter.Name));

    /// <summary>An integer that has to be given.</summary>
    public int Number(string parameter) => Integer(parameter) ?? throw new InvalidDataException($"it needs a number: {parameter}");

    /// <summary>An integer; null: it was not given.</summary>
    public int? Integer(string parameter) => Has(parameter) ? LanguagePrimitives.ConvertTo<int>(bound[parameter]) : null;

    /// <summary>A number; null: it was not given.</summary>
    public double? Real(string parameter) => Has(parameter) ? LanguagePrimitives.ConvertTo<double>(bound[parameter]) : null;

    /// <summary>Which of two opposite switches was given; null: neither.</summary>
    public bool? Choice(string yes, string no) => (IsOn(yes), IsOn(no)) switch
    {
        (true, true) => throw new InvalidDataException($"{yes} and {no} exclude each other"),
        (false, false) => null,
        var (isYes, _) => isYes,
    };

    /// <summary>What runs a block; null: it was not given.</summary>
    public Action? Block(string parameter) =>
        Has(parameter) && LanguagePrimitives.ConvertTo<ScriptBlock>(bound[parameter]) is ScriptBlock block ? () => run(block) : null;

    /// <summary>A window by the parameters Size, Stride and Padding.</summary>
    /// <param name="defaultSize">Its size if none was given; null: one has to be.</param>
    /// <param name="defaultStride">Its stride if none was given; null: its size.</param>
    /// <param name="keepsSize">Whether it is padded by half of its size if no padding was given.</param>
    public Window Window(int? defaultSize = null, int? defaultStride = null, bool keepsSize = false)
    {
        Extent size = Pair("Size")
            ?? (defaultSize is int side ? new Extent(side, side) : throw new InvalidDataException("it needs a number: Size"));
        Extent stride = Pair("Stride") ?? (defaultStride is int step ? new Extent(step, step) : size);
        Extent padding = Pair("Padding") ?? (keepsSize ? new Extent(size.Height / 2, size.Width / 2) : default);
        return new Window(size, stride, new Border(padding.Height, padding.Width, padding.Height, padding.Width));
    }

    /// <summary>Whether a switch was given.</summary>
    public bool IsOn(string parameter) => Has(parameter) && LanguagePrimitives.IsTrue(bound[parameter]);

    private Extent? Pair(string parameter) => !Has(parameter) ? null : LanguagePrimitives.ConvertTo<int[]>(bound[parameter]) switch
    {
        [int both] => new Extent(both, both),
        [int height, int width] => new Extent(height, width),
        int[] other => throw new InvalidDataException($"{parameter} has {other.Length} numbers; it takes one, or a height and a width"),
        null => null,
    };
}
