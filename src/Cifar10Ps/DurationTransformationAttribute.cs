using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>Reads durations as people write them: 24:00:00 is a day. .NET makes days of hours above 23, and of a number alone.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed partial class DurationTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        if ((inputData is PSObject wrapped ? wrapped.BaseObject : inputData) is not string text)
            return inputData;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            throw new ArgumentTransformationMetadataException(
                $"'{text}' alone would be days. Give hours, minutes and seconds, such as 02:30:00.");
        return HoursPattern().Match(text.Trim()) is { Success: true } match
            && TimeSpan.TryParse($"0:{match.Groups[2].Value}", CultureInfo.InvariantCulture, out TimeSpan rest)
            ? TimeSpan.FromHours(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)) + rest : inputData;
    }

    /// <summary>Hours, then minutes and perhaps seconds.</summary>
    [GeneratedRegex(@"^([0-9]{1,6}):([0-5]?[0-9](?::[0-5]?[0-9](?:\.[0-9]{1,7})?)?)$")]
    private static partial Regex HoursPattern();
}
