using System.Collections;
using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Refuses rows of text as reports, such as those of Import-Csv: PowerShell drops their decimal commas, and makes 0 of empty
/// cells.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ReportTransformationAttribute : ArgumentTransformationAttribute
{
    // As Import-Clixml and jobs give reports.
    private const string Kept = "Deserialized.Cifar10Ps.EpochReport";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? input = inputData is PSObject { BaseObject: IEnumerable list } ? list : inputData;
        foreach (object? item in input is IEnumerable items and not string ? items : new[] { inputData })
            if (item is PSObject { BaseObject: PSCustomObject } row && row.TypeNames[0] != Kept)
                throw new ArgumentTransformationMetadataException(
                    "These are rows of text, not reports. Get-TrainingHistory reads those of a run; Export-Clixml keeps reports in a "
                    + "file.");
        return inputData;
    }
}
