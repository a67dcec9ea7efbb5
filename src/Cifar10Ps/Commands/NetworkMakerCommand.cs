using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that make a network to be trained.</summary>
public abstract class NetworkMakerCommand : EngineCommand
{
    /// <summary>The class names, or their number; without names the model takes those of the data that it is trained on.</summary>
    [Parameter(Position = 0)]
    [ClassesTransformation]
    [ValidateNotNullOrEmpty]
    public virtual string[] Classes { get; set; } = ["10"];

    /// <summary>Seed of the initial weights.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <summary>The class names that the user gave.</summary>
    /// <returns>As many placeholders as there are classes where only their number is given.</returns>
    private protected string[] ClassNames()
    {
        if (Classes is [string only] && int.TryParse(only, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count))
            return ImageClassifier.PlaceholderClasses(Math.Clamp(count, 0, Network.MaximumClassCount + 1));
        return Classes;
    }
}
