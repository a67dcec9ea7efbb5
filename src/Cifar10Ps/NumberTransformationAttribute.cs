using System.Collections;
using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Refuses numbers given as text with a comma: PowerShell drops commas, in every culture, so that '0,05' would be 5.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NumberTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        Check(inputData);
        return inputData;
    }

    private static void Check(object? input)
    {
        switch (input is PSObject wrapped ? wrapped.BaseObject : input)
        {
            case string text when text.Contains(',', StringComparison.Ordinal):
                throw new ArgumentTransformationMetadataException(
                    $"'{text}' has a comma, which PowerShell drops: it would be read as {text.Replace(",", "", StringComparison.Ordinal)}. "
                    + "Write numbers with a decimal point and without separators, such as 0.05 or 1500.");
            case IEnumerable items and not string:
                foreach (object? item in items)
                    Check(item);
                break;
        }
    }
}
