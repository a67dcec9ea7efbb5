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
        // No parameter takes numbers in lists of lists, and a list may contain itself.
        foreach (object? item in Unwrapped(inputData) is IEnumerable items and not string ? items : new[] { inputData })
            Check(item);
        return inputData;
    }

    private static void Check(object? input)
    {
        if (Unwrapped(input) is string text && text.Contains(',', StringComparison.Ordinal))
            throw new ArgumentTransformationMetadataException(
                $"'{text}' has a comma, which PowerShell drops: it would be read as {text.Replace(",", "", StringComparison.Ordinal)}. "
                + "Write numbers with a decimal point and without separators, such as 0.05 or 1500.");
    }

    private static object? Unwrapped(object? input) => input is PSObject wrapped ? wrapped.BaseObject : input;
}
