namespace Cifar10Ps.Training;

/// <summary>The learning rate as a pure function of the step: no state to save.</summary>
/// <remarks>
/// One cycle: L. N. Smith, N. Topin, "Super-convergence", 2018. Cosine: I. Loshchilov, F. Hutter, "SGDR", ICLR 2017.
/// Step: K. He et al., "Deep residual learning for image recognition", section 4.2.
/// </remarks>
internal static class LearningRates
{
    private const double WarmUp = 0.3, LinearWarmUp = 0.1, StartDivisor = 25;

    /// <summary>Learning rate of a step.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="peak">Its highest value.</param>
    /// <param name="step">Step, from 0.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    public static double At(Schedule schedule, double peak, long step, long totalSteps)
    {
        double done = (double)step / totalSteps;
        return schedule switch
        {
            Schedule.OneCycle when done < WarmUp => Anneal(peak / StartDivisor, peak, done / WarmUp),
            Schedule.OneCycle => Anneal(peak, 0, (done - WarmUp) / (1 - WarmUp)),
            Schedule.Cosine => Anneal(peak, 0, done),
            Schedule.Linear when done < LinearWarmUp => double.Lerp(peak / StartDivisor, peak, done / LinearWarmUp),
            Schedule.Linear => peak * (1 - done) / (1 - LinearWarmUp),
            Schedule.Step => done < 0.5 ? peak : done < 0.75 ? peak / 10 : peak / 100,
            _ => peak,
        };
    }

    private static double Anneal(double from, double to, double share) => to + (from - to) * (1 + Math.Cos(Math.PI * share)) / 2;
}
