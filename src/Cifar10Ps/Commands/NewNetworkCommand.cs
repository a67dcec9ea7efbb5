using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>What the cmdlets share that make a network to be trained.</summary>
public abstract class NewNetworkCommand : EngineCommand
{
    /// <summary>The class names, or their number; without names the model takes those of the data that it is trained on.</summary>
    [Parameter(Position = 0)]
    [ClassesTransformation]
    [ValidateNotNullOrEmpty]
    public string[] Classes { get; set; } = ["10"];

    /// <summary>What the residual blocks add.</summary>
    [Parameter]
    public Shortcut Shortcut { get; set; }

    /// <summary>Seed of the initial weights.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <summary>A trained model to go on from: its weights, but for the last layer where the classes are others, and its preprocessing.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? InitialWeights { get; set; }

    /// <summary>Number of layers, if the user gave it.</summary>
    private protected abstract int? Layers { get; }

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        if (InitialWeights is null)
        {
            WriteObject(ImageClassifier.NewResNet(Layers ?? 20, Names(), Shortcut, Seed));
            return;
        }

        try
        {
            ResNetArchitecture found = InitialWeights.Architecture;
            if (Layers is int layers && layers != found.Depth)
                throw Mismatch($"a {found.Name}, not of a ResNet-{layers}");
            if (IsBound(nameof(Shortcut)) && Shortcut != found.Shortcut)
                throw Mismatch($"a network with {found.Shortcut} shortcuts, not {Shortcut}");
            WriteObject(InitialWeights.ForClasses(IsBound(nameof(Classes)) ? Names() : InitialWeights.Classes, Seed));
        }
        catch (EngineException e)
        {
            WriteError(ToErrorRecord(e, InitialWeights));
        }
    }

    private static EngineException Mismatch(string what) => new("NetworkMismatch", ErrorKind.InvalidArgument,
        $"The initial weights are those of {what}. New-ResNet -InitialWeights without -Depth and -Shortcut makes a network that fits them.");

    private string[] Names()
    {
        if (Classes is [string only] && int.TryParse(only, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count))
            return ImageClassifier.PlaceholderClasses(Math.Clamp(count, 0, ResNetArchitecture.MaximumClassCount + 1));
        return Classes;
    }
}
