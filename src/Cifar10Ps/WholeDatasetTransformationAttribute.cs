using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>
/// Accepts images where a whole data set is expected, because a split in a pipeline is thousands of them: the command can end the pipeline
/// with one error, while the parameter binder would write one for each.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WholeDatasetTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>What images become.</summary>
    private static readonly ImageDataset Part = new("a part of a data set", "", [], [], []);

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is LabeledImage or ImageSplit ? Part : inputData;

    /// <summary>Refuses images.</summary>
    internal static void Check(ImageDataset dataset)
    {
        if (ReferenceEquals(dataset, Part))
            throw new EngineException("DatasetExpected", ErrorKind.InvalidArgument,
                "These are images of a data set, but the whole data set is needed: the images to train on, and those to validate on. "
                + "Pipe the data set ($cifar), not one of its splits ($cifar.Train). New-ImageDataset makes a data set of images.");
    }
}
