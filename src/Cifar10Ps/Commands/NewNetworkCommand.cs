using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>What the cmdlets share that make an untrained network.</summary>
public abstract class NewNetworkCommand : EngineCommand
{
    /// <summary>The class names, or their number; without names the model takes those of the data that it is trained on.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string[] Classes { get; set; } = ["10"];

    /// <summary>What the residual blocks add.</summary>
    [Parameter]
    public Shortcut Shortcut { get; set; }

    /// <summary>Seed of the initial weights.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Seed { get; set; }

    /// <summary>Number of layers.</summary>
    private protected abstract int Layers { get; }

    /// <inheritdoc/>
    protected sealed override void OnBegin()
    {
        string[] names = Classes;
        if (Classes is [string only] && int.TryParse(only, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count))
            names = ImageClassifier.PlaceholderClasses(Math.Clamp(count, 0, ResNetArchitecture.MaximumClassCount + 1));
        WriteObject(ImageClassifier.NewResNet(Layers, names, Shortcut, Seed));
    }
}
