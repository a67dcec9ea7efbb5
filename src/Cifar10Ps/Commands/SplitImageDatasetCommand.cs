using System.Management.Automation;
using Cifar10Ps.Data;

namespace Cifar10Ps.Commands;

/// <summary>Divides the images of a data set anew, once or for cross-validation.</summary>
[Cmdlet(VerbsCommon.Split, "ImageDataset", DefaultParameterSetName = FractionSet)]
[OutputType(typeof(ImageDataset))]
public sealed class SplitImageDatasetCommand : EngineCommand
{
    private const string FractionSet = "Fraction", FoldSet = "Fold";

    /// <summary>The data set.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [WholeDatasetTransformation]
    [ValidateNotNull]
    public ImageDataset Dataset { get; set; } = null!;

    /// <summary>Shares of training and validation, or of training, validation and testing.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FractionSet)]
    [ValidateCount(2, 3)]
    [ValidateRange(0.0, 1.0)]
    [NumberTransformation]
    public double[] Fraction { get; set; } = [];

    /// <summary>Number of folds for cross-validation.</summary>
    [Parameter(Mandatory = true, ParameterSetName = FoldSet)]
    [ValidateRange(2, 1000)]
    [NumberTransformation]
    public int Fold { get; set; }

    /// <summary>Seed of the choice.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        WholeDatasetTransformationAttribute.Check(Dataset);
        if (ParameterSetName == FractionSet)
            WriteObject(DatasetDivision.ByFractions(Dataset, Fraction, Seed, WriteWarning));
        else
            WriteObject(DatasetDivision.Folds(Dataset, Fold, Seed, WriteWarning), enumerateCollection: true);
    }
}
