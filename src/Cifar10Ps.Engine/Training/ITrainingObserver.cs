
namespace Cifar10Ps.Training;

/// <summary>Watches a run: receives each epoch after its checkpoint is written and before its report is returned.</summary>
internal interface ITrainingObserver
{
    /// <summary>Receives an epoch.</summary>
    /// <exception cref="EngineException">Ends the run, as if it had been stopped between two epochs.</exception>
    void OnEpoch(TrainedEpoch epoch);
}

/// <summary>An epoch that has ended.</summary>
/// <param name="History">The reports of the run up to this epoch.</param>
/// <param name="Evaluation">Its validation; null: there was none.</param>
/// <param name="Model">The model after it.</param>
/// <param name="Validation">The images of the validation.</param>
/// <param name="Precision">Precision of the model's predictions.</param>
internal sealed record TrainedEpoch(
    IReadOnlyList<EpochReport> History, Evaluation? Evaluation, ImageClassifier Model, IReadOnlyList<LabeledImage> Validation,
    Precision Precision);
