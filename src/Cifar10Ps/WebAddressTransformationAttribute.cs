using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Refuses text that is no address without showing it: it may hold a password, in which a # or a / is not escaped.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WebAddressTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is string text
            && !Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _)
            ? throw new ArgumentTransformationMetadataException(
                "This is not a valid address. In a name or a password, / ? # and @ are written as %2F %3F %23 and %40.")
            : inputData;
}
