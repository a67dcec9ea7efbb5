using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Refuses a model where a file is to be named: PowerShell would take the model's text for the name.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class FileNameTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is not ImageClassifier ? inputData
        : throw new ArgumentTransformationMetadataException(
            "This is a model, not the name of a file. Give the file first, then the model, or pipe the model.");
}
