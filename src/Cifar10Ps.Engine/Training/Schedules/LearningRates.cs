namespace Cifar10Ps.Training;

/// <summary>The learning rate as a pure function of the step: no state to save. To add a schedule,
/// add a file and a line to the table below.</summary>
internal static class LearningRates
{
    /// <summary>The schedules: the learning rate by its peak, the share of the steps that are done, 0 to 1, and the warm-up.</summary>
    private static readonly Dictionary<Schedule, Func<double, double, double, double>> Schedules = new()
    {
        [Schedule.OneCycle] = (peak, done, _) => OneCycleSchedule.At(peak, done),
        [Schedule.Cosine] = (peak, done, _) => CosineSchedule.At(peak, done),
        [Schedule.Linear] = LinearSchedule.At,
        [Schedule.Step] = (peak, done, _) => StepSchedule.At(peak, done),
        [Schedule.Constant] = (peak, _, _) => peak,
    };

    /// <summary>Learning rate of a step.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="peak">Its highest value.</param>
    /// <param name="step">Step, from 0.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    /// <param name="warmUp">Share of the steps in which a linear schedule rises.</param>
    public static double At(Schedule schedule, double peak, long step, long totalSteps, double warmUp) =>
        Schedules[schedule](peak, (double)step / totalSteps, warmUp);
}
