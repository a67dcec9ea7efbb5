namespace Cifar10Ps.Training;

/// <summary>The learning rate as a pure function of the step: no state to save. To add a schedule,
/// add a file and a line to the table below.</summary>
internal static class LearningRates
{
    /// <summary>The schedules: the share of the peak after a share of the steps, both 0 to 1.</summary>
    private static readonly Dictionary<Schedule, Func<double, double, double>> Schedules = new()
    {
        [Schedule.OneCycle] = OneCycleSchedule.At,
        [Schedule.Cosine] = CosineSchedule.At,
        [Schedule.Linear] = LinearSchedule.At,
        [Schedule.Step] = StepSchedule.At,
        [Schedule.Constant] = (peak, _) => peak,
    };

    /// <summary>Learning rate of a step.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="peak">Its highest value.</param>
    /// <param name="step">Step, from 0.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    public static double At(Schedule schedule, double peak, long step, long totalSteps) =>
        Schedules[schedule](peak, (double)step / totalSteps);
}
