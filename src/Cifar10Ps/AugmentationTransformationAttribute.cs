using System.Collections;
using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Makes one value of a list of augmentations; refuses None in a list, where it would be lost.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AugmentationTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object[] names = (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            string text => text.Split(','),
            IEnumerable items => [.. items.Cast<object>()],
            _ => [],
        };
        return names.Length < 2 ? inputData
            : !names.Any(IsNone) ? string.Join(',', names)
            : throw new ArgumentTransformationMetadataException(
                "None leaves images unchanged: it cannot be combined with other augmentations.");
    }

    private static bool IsNone(object? name) => $"{name}".Trim().Equals(nameof(Augmentation.None), StringComparison.OrdinalIgnoreCase);
}
