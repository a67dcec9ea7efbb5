using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Joins the MPI job that this process was started in, and describes it.</summary>
[Cmdlet(VerbsCommon.Get, "TrainingCluster")]
[OutputType(typeof(TrainingCluster))]
public sealed class GetTrainingClusterCommand : EngineCommand
{
    /// <inheritdoc/>
    protected override void OnBegin() => WriteObject(TrainingCluster.Join());
}
