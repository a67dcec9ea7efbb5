using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Refuses durations of less than a second: a plain number becomes ticks, which is never intended.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateDurationAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is TimeSpan duration && duration < TimeSpan.FromSeconds(1))
            throw new ValidationMetadataException($"{duration} is less than a second; a plain number means ticks. Give hours, "
                + "minutes and seconds, such as 02:30:00.");
    }
}
